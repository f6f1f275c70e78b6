#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './10_keybuzz_00_setup_credentials.mts'
import deployApi from './10_keybuzz_01_deploy_api.mts'
import deployFront from './10_keybuzz_02_deploy_front.mts'
import configureIngress from './10_keybuzz_03_configure_ingress.mts'
import tests from './10_keybuzz_04_tests.mts'
import { keybuzz } from './module.mts'

export default sequence(import.meta, keybuzz, [
  setupCredentials,
  deployApi,
  deployFront,
  configureIngress,
  tests,
])
