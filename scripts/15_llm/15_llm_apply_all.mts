#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './15_llm_00_setup_credentials.mts'
import deployLitellm from './15_llm_01_deploy_litellm.mts'
import deployServices from './15_llm_02_deploy_services.mts'
import configureIngress from './15_llm_03_configure_ingress.mts'
import tests from './15_llm_04_tests.mts'
import { llm } from './module.mts'

export default sequence(import.meta, llm, [
  setupCredentials,
  deployLitellm,
  deployServices,
  configureIngress,
  tests,
])
