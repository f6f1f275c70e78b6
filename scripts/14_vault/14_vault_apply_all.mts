#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './14_vault_00_setup_credentials.mts'
import deploy from './14_vault_01_deploy.mts'
import configureInjection from './14_vault_02_configure_injection.mts'
import tests from './14_vault_03_tests.mts'
import { vault } from './module.mts'

export default sequence(import.meta, vault, [setupCredentials, deploy, configureInjection, tests])
