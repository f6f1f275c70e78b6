#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './11_chatwoot_00_setup_credentials.mts'
import deploy from './11_chatwoot_01_deploy.mts'
import configureIngress from './11_chatwoot_02_configure_ingress.mts'
import tests from './11_chatwoot_03_tests.mts'
import { chatwoot } from './module.mts'

export default sequence(import.meta, chatwoot, [setupCredentials, deploy, configureIngress, tests])
