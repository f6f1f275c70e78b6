import type { CheckTools } from '../../lib/checks.mts'
import { factsName } from './cluster-facts.mts'
import { systemNamespace } from '../../lib/names.mts'

/** True on a cluster the kit made of machines; false on one that was there and is only proven. */
export const isKitMade = ({ kube, once }: Pick<CheckTools, 'kube' | 'once'>): Promise<boolean> =>
  once('kit-made', async () => (await kube.get('configmaps', factsName, systemNamespace)) !== undefined)
