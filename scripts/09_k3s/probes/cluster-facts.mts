import type { Manifest } from '../../../lib/kube/types.mts'
import { systemNamespace } from '../../../lib/base/names.mts'
import { factsName, systemRecord } from '../../../lib/state/cluster-network.mts'
import type { K3sSettings } from '../settings.mts'
import type { CheckTools } from '../../../lib/checks/checks.mts'

/** What the kit made of the machines, for people and for the modules that follow. */
export const clusterFacts = (settings: K3sSettings, version: string): Manifest =>
  systemRecord(factsName, {
    k3s: version,
    pods: settings.CLUSTER_CIDR,
    services: settings.SERVICE_CIDR,
    dns: settings.CLUSTER_DNS,
    overlay: settings.FLANNEL_BACKEND,
    ingress: settings.INGRESS_CONTROLLER,
  })

/** True on a cluster the kit made of machines; false on one that was there and is only proven. */
export const isKitMade = ({ kube, once }: Pick<CheckTools, 'kube' | 'once'>): Promise<boolean> =>
  once('kit-made', async () => (await kube.get('configmaps', factsName, systemNamespace)) !== undefined)
