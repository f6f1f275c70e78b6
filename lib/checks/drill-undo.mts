import { replicasManager, sendObjects } from '../kube/objects.mts'
import { nameOf, type LiveObject, type Manifest } from '../kube/types.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { drilledReplicas as mark } from '../kube/workloads.mts'
import { log } from '../base/log.mts'
import type { Writes } from '../base/writes.mts'

// A drill that scales a Deployment to 0 writes its former replicas into an annotation, in the same request. If the
// drill is killed, the next run of the module finds the annotation and restores the replicas.

const rolled = 'keybuzz.io/drill-rolled'
const manager = 'keybuzz-drill'

/**
 * Scales a Deployment to 0, with its former replicas in an annotation.
 * @throws KitError exit 5 to 9 from kubectl; what the gate throws (Writes.make)
 */
export async function scaleDown(kubectl: Kubectl, repairs: Writes, live: LiveObject): Promise<void> {
  const { replicas = 1 } = live['spec'] as { replicas?: number }
  await repairs.make(
    [{ sign: '~', what: nameOf(live), fields: [`spec.replicas   ${replicas} -> 0`] }],
    async () => {
      const part = partOf(live, { [mark]: String(replicas) }, 0)
      await sendObjects(kubectl, [part], { dryRun: false, manager })
    },
  )
}

/**
 * Replaces the pods of a Deployment, as `kubectl rollout restart` does: by an annotation in its pod template.
 * @throws KitError exit 5 to 9 from kubectl; what the gate throws (Writes.make)
 */
export async function rollOver(
  kubectl: Kubectl,
  repairs: Writes,
  { apiVersion, kind, metadata, spec }: LiveObject,
): Promise<void> {
  const { selector } = spec as { selector: object }
  const annotations = { [rolled]: new Date().toISOString() }
  const part = {
    apiVersion,
    kind,
    metadata: { name: metadata.name, namespace: metadata.namespace },
    spec: { selector, template: { metadata: { annotations } } },
  }
  await repairs.make(
    [{ sign: '~', what: nameOf({ apiVersion, kind, metadata }), fields: ['every pod anew'] }],
    () => sendObjects(kubectl, [part as Manifest], { dryRun: false, manager }).then(() => undefined),
  )
}

/**
 * Restores the replicas of Deployments that a drill scaled to 0.
 * @param objects live objects of the module
 * @returns the Deployments that were restored
 * @throws KitError exit 5 to 9 from kubectl; what the gate throws (Writes.make)
 */
export async function undoDrills(
  kubectl: Kubectl,
  repairs: Writes,
  objects: readonly LiveObject[],
): Promise<readonly LiveObject[]> {
  const marked = objects.filter(({ metadata }) => metadata.annotations?.[mark] !== undefined)
  for (const live of marked) {
    const replicas = Number(live.metadata.annotations?.[mark])
    await repairs.make(
      [{ sign: '~', what: nameOf(live), fields: [`spec.replicas   0 -> ${replicas}`] }],
      async () => {
        // The replicas first: a run killed between the two requests finds the annotation again.
        await sendObjects(kubectl, [partOf(live, {}, replicas)], { dryRun: false, manager: replicasManager })
        await sendObjects(kubectl, [partOf(live, {}, undefined)], { dryRun: false, manager })
      },
    )
    if (!repairs.planning) log.ok(`${nameOf(live)} has its ${replicas} pods back: a drill had taken them`)
  }
  return marked
}

const partOf = (
  { apiVersion, kind, metadata: { name, namespace } }: LiveObject,
  annotations: Record<string, string>,
  replicas: number | undefined,
): Manifest =>
  ({
    apiVersion,
    kind,
    metadata: { name, namespace, annotations },
    ...(replicas === undefined ? {} : { spec: { replicas } }),
  }) as Manifest
