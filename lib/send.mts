import { sendObjects } from './kube-objects.mts'
import type { Planned } from './apply.mts'
import type { LiveObject, Manifest } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { startingReplicas, takenOverReplicas } from './replicas.mts'

/** The manager that holds the number of pods of Deployments an autoscaler decides about. */
export const handover = 'keybuzz-handover'

/** Sends what is new or changed: namespaces before what is in them, the number of pods handed to its autoscaler. */
export async function sendChanged(
  kubectl: Kubectl,
  planned: readonly Planned[],
  live: ReadonlyMap<string, LiveObject>,
): Promise<void> {
  const fresh = planned
    .filter(({ comparison }) => comparison.status !== 'unchanged')
    .map(({ manifest }) => manifest)
  const everything = planned.map(({ manifest }) => manifest)
  for (const batch of [fresh.filter(isNamespace), fresh.filter((manifest) => !isNamespace(manifest))]) {
    if (batch.length === 0) continue
    const handed = takenOverReplicas(batch, live)
    if (handed.length > 0) await sendObjects(kubectl, handed, { dryRun: false, manager: handover })
    await sendObjects(kubectl, batch, { dryRun: false })
    const starting = startingReplicas(batch, live, everything)
    if (starting.length > 0) await sendObjects(kubectl, starting, { dryRun: false, manager: handover })
  }
}

const isNamespace = ({ kind }: Manifest): boolean => kind === 'Namespace'
