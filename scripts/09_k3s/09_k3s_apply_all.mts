#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { sequence } from '../../lib/cli/step.mts'
import setupCredentials from './09_k3s_00_setup_credentials.mts'
import prepare from './09_k3s_01_prepare.mts'
import installControlPlane from './09_k3s_02_install_control_plane.mts'
import joinWorkers from './09_k3s_03_join_workers.mts'
import bootstrapAddons from './09_k3s_04_bootstrap_addons.mts'
import ingressDaemonset from './09_k3s_05_ingress_daemonset.mts'
import deployCoreApps from './09_k3s_06_deploy_core_apps.mts'
import installMonitoring from './09_k3s_07_install_monitoring.mts'
import finalValidation from './09_k3s_09_final_validation.mts'
import { k3s } from './module.mts'

export default sequence(import.meta, k3s, [
  setupCredentials,
  prepare,
  installControlPlane,
  joinWorkers,
  bootstrapAddons,
  ingressDaemonset,
  deployCoreApps,
  installMonitoring,
  finalValidation,
])
