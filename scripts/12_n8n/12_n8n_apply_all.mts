#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './12_n8n_00_setup_credentials.mts'
import deploy from './12_n8n_01_deploy.mts'
import configureIngress from './12_n8n_02_configure_ingress.mts'
import tests from './12_n8n_03_tests.mts'
import { n8n } from './module.mts'

export default sequence(import.meta, n8n, [setupCredentials, deploy, configureIngress, tests])
