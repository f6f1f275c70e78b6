#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './13_superset_00_setup_credentials.mts'
import deploy from './13_superset_01_deploy.mts'
import configureIngress from './13_superset_02_configure_ingress.mts'
import tests from './13_superset_03_tests.mts'
import { superset } from './module.mts'

export default sequence(import.meta, superset, [setupCredentials, deploy, configureIngress, tests])
