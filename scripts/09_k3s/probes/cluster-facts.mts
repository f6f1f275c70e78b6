import type { Manifest } from '../../../lib/kube/types.mts'
import { systemNamespace } from '../../../lib/base/names.mts'
import { factsName, systemRecord } from '../../../lib/state/cluster-network.mts'
import type { K3sSettings } from '../settings.mts'
import type { CheckTools } from '../../../lib/checks/checks.mts'

/** The record of how the kit installed the cluster, for operators and for other modules. @param version of K3s */
export const clusterFacts = (settings: K3sSettings, version: string): Manifest =>
  systemRecord(factsName, {
    k3s: version,
    pods: settings.CLUSTER_CIDR,
    services: settings.SERVICE_CIDR,
    dns: settings.CLUSTER_DNS,
    overlay: settings.FLANNEL_BACKEND,
    ingress: settings.INGRESS_CONTROLLER,
  })

/** True for a cluster that the kit installed, false for one that it only verifies. @throws KitError, see KubeReader */
export const isKitMade = ({ kube, once }: Pick<CheckTools, 'kube' | 'once'>): Promise<boolean> =>
  once('kit-made', async () => (await kube.get('configmaps', factsName, systemNamespace)) !== undefined)
