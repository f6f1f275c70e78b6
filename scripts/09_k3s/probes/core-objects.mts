import type { Manifest } from '../../../lib/kube/types.mts'
import type { Versions } from '../../../lib/settings/versions.mts'
import type { K3sSettings } from '../settings.mts'
import { backendServices, pullProof } from './backend-services.mts'
import { policies } from './policies.mts'
import { probes, single } from './probe.mts'

/**
 * The objects created before the first application, and the probes of the network; the same on every cluster. Pure.
 * @param versions those whose images may prove the account of the registry
 */
export const coreObjects = (
  settings: K3sSettings,
  { probe }: { readonly probe: string },
  versions: Versions,
): Manifest[] => [
  ...backendServices(settings),
  ...probes(settings, probe),
  ...policies,
  single('guarded', probe),
  single('confined', probe),
  ...pullProof(settings, versions, probe),
]
