import type { Manifest } from '../../lib/k8s.mts'
import { systemNamespace } from '../../lib/names.mts'
import type { K3sSettings } from './settings.mts'

/** Where the kit says what it made of the machines; a cluster somebody else made has none. */
export const factsName = 'cluster'

/** What the kit made of the machines, for people and for the modules that follow. */
export const clusterFacts = (settings: K3sSettings, version: string): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: systemNamespace, name: factsName },
    data: {
      k3s: version,
      pods: settings.CLUSTER_CIDR,
      services: settings.SERVICE_CIDR,
      overlay: settings.FLANNEL_BACKEND,
      ingress: settings.INGRESS_CONTROLLER,
    },
  }) as Manifest
