import type { ChecksOf } from '../../lib/run/module.mts'
import { addons, storage } from './checks/addons.mts'
import { images } from './checks/images.mts'
import { metrics } from './checks/metrics.mts'
import {
  monitoringConfiguration,
  monitoringReady,
  monitoringRules,
  monitoringTargets,
  monitoringWatchdog,
} from './checks/monitoring.mts'
import { monitoringGrafana, monitoringStorage } from './checks/monitoring-data.mts'
import {
  canary,
  ingressHealth,
  namesInside,
  namesOutside,
  nodePorts,
  payload,
  pods,
  services,
} from './checks/network.mts'
import { nodes, overlap, pressure, servers, version } from './checks/nodes.mts'
import { networkPolicies } from './checks/policies.mts'
import { dnsNear, dnsNodes, metricsNodes } from './checks/spread.mts'
import { certificates } from './checks/certificates.mts'
import { members } from './checks/servers.mts'
import { snapshots } from './checks/snapshots.mts'
import { api, crashing, dns, ingressAnswers, ingressClass, kubelets, registry } from './checks/services.mts'
import type { k3s } from './module.mts'

/** The final validation. It needs no SSH, so that a cluster which the kit did not install can be adopted too. */
export const checks: ChecksOf<typeof k3s> = [
  api,
  version,
  nodes,
  pressure,
  servers,
  members,
  snapshots,
  certificates,
  overlap,
  pods,
  payload,
  services,
  nodePorts,
  dns,
  dnsNodes,
  dnsNear,
  namesInside,
  namesOutside,
  networkPolicies,
  metrics,
  metricsNodes,
  kubelets,
  addons,
  storage,
  ingressClass,
  ingressAnswers,
  ingressHealth,
  canary,
  registry,
  images,
  monitoringReady,
  monitoringConfiguration,
  monitoringTargets,
  monitoringRules,
  monitoringWatchdog,
  monitoringStorage,
  monitoringGrafana,
  crashing,
]
