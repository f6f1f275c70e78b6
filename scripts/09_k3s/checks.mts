import type { ChecksOf } from '../../lib/module.mts'
import { nodes, overlap, pressure, servers, version } from './checks-nodes.mts'
import { api, crashing, dns, ingressAnswers, ingressClass, kubelets, metrics } from './checks-services.mts'
import type { k3s } from './module.mts'

/** The part of the final validation that needs no SSH: it also lets a cluster somebody else made be adopted. */
export const checks: ChecksOf<typeof k3s> = [
  api,
  version,
  nodes,
  pressure,
  servers,
  overlap,
  dns,
  metrics,
  kubelets,
  ingressClass,
  ingressAnswers,
  crashing,
]
