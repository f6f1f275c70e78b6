import {
  byName,
  changeOf,
  conflictLine,
  conflictsOf,
  countLine,
  findLive,
  itemsOf,
  newNamespaces,
  planObjects,
  requireNoConflict,
  sendObjects,
  type Planned,
} from './apply.mts'
import { nameOf, type LiveObject, type Manifest } from './k8s.mts'
import { createKubeReader, type KubeReader } from './kube-reader.mts'
import type { Kubectl } from './kubectl.mts'
import { log } from './log.mts'
import type { KnownFailure } from './module.mts'
import { moduleSelector, owned, prunableKinds, requireOurs, stepOf, type Owner } from './ownership.mts'
import { startingReplicas, takenOverReplicas } from './replicas.mts'
import { waitForDeployments } from './wait.mts'
import type { Writes } from './writes.mts'

/** What a step does with the cluster. Readers always run; writers go through the gate. */
export interface Kube extends KubeReader {
  /** Makes the cluster hold these objects: compares first, sends only what is new or changed. */
  apply(manifests: readonly Manifest[]): Promise<void>
  /** Waits until Deployments serve with what was applied, or one of their pods cannot start. */
  waitForRollout(namespace: string, ...deployments: string[]): Promise<void>
}

/** What the runtime does around a step. */
export interface KubeSession {
  readonly kube: Kube
  /** Everything applied or found unchanged so far. */
  readonly manifests: readonly Manifest[]
  readonly unchanged: number
  /** Steps whose label objects carry; the runtime sets it before each step. */
  enter(step: string): void
  /** Deletes the step's objects that this run did not apply. */
  prune(): Promise<void>
  /** Live values of the module's Secrets, by key. */
  liveSecrets(): Promise<Readonly<Record<string, string>>>
}

export interface KubeOptions {
  readonly kubectl: Kubectl
  readonly writes: Writes
  readonly owner: Omit<Owner, 'step'>
  readonly forceConflicts: boolean
  readonly failures: readonly KnownFailure[]
}

export function createKube({ kubectl, writes, owner, forceConflicts, failures }: KubeOptions): KubeSession {
  const manifests: Manifest[] = []
  /** Namespaces this run plans to make: nothing in them can be asked about. */
  const absent = new Set<string>()
  let step = ''
  let unchanged = 0
  let ours: Promise<Map<string, LiveObject>> | undefined

  /** All live objects of this module and environment: one question, however many batches follow. */
  const findOurs = () => (ours ??= listOurs(kubectl, owner))

  async function liveOf(batch: readonly Manifest[]): Promise<Map<string, LiveObject>> {
    const known = await findOurs()
    const others = await findLive(
      kubectl,
      batch.filter((manifest) => !known.has(nameOf(manifest))),
    )
    return new Map([...known, ...others])
  }

  async function send(planned: readonly Planned[], live: ReadonlyMap<string, LiveObject>): Promise<void> {
    const fresh = planned
      .filter(({ comparison }) => comparison.status !== 'unchanged')
      .map(({ manifest }) => manifest)
    const [namespaces, rest] = [fresh.filter(isNamespace), fresh.filter((manifest) => !isNamespace(manifest))]
    for (const batch of [namespaces, rest]) {
      if (batch.length === 0) continue
      const handed = takenOverReplicas(batch, live)
      if (handed.length > 0)
        await sendObjects(kubectl, handed, { dryRun: false, manager: 'keybuzz-handover' })
      await sendObjects(kubectl, batch, { dryRun: false })
      const starting = startingReplicas(batch, live)
      if (starting.length > 0)
        await sendObjects(kubectl, starting, { dryRun: false, manager: 'keybuzz-handover' })
    }
  }

  const reader = createKubeReader(kubectl)
  const kube: Kube = {
    ...reader,
    async apply(wanted) {
      const started = performance.now()
      const batch = wanted.map((manifest) => owned(manifest, { ...owner, step }))
      const live = await liveOf(batch)
      for (const manifest of batch) requireOurs(live.get(nameOf(manifest)), { ...owner, step })
      for (const name of newNamespaces(batch, live)) absent.add(name)
      const planned = await planObjects(kubectl, batch, live, absent)
      // Unless only planned, they are there once this batch is sent.
      if (!writes.planning) absent.clear()
      const conflicts = conflictsOf(planned)
      if (writes.planning) for (const one of conflicts) writes.note({ sign: '!', what: conflictLine(one) })
      else if (!forceConflicts) requireNoConflict(conflicts)
      const changes = planned.flatMap((one) => changeOf(one) ?? [])
      manifests.push(...batch)
      unchanged += planned.length - changes.length
      if (changes.length > 0) await writes.make(changes, () => send(planned, live))
      if (!writes.planning) log.ok(countLine(planned), started)
    },
    async waitForRollout(namespace, ...deployments) {
      if (writes.planning) return
      await waitForDeployments(kubectl, namespace, deployments, failures)
    },
  }

  return {
    kube,
    manifests,
    get unchanged() {
      return unchanged
    },
    enter: (name) => void (step = name),
    async prune() {
      const applied = new Set(manifests.map(nameOf))
      const left = [...(await findOurs()).values()].filter(
        (live) =>
          stepOf(live) === step && !applied.has(nameOf(live)) && live.metadata.ownerReferences === undefined,
      )
      if (left.length === 0) return
      await writes.make(
        left.map((live) => ({ sign: '-', what: nameOf(live) })),
        () => deleteObjects(kubectl, left),
      )
      if (!writes.planning) log.ok(`${left.length} objects no longer wanted: deleted`)
    },
    async liveSecrets() {
      const secrets = [...(await findOurs()).values()].filter(({ kind }) => kind === 'Secret')
      return Object.fromEntries(secrets.flatMap(decoded))
    },
  }
}

const isNamespace = ({ kind }: Manifest): boolean => kind === 'Namespace'

async function listOurs(kubectl: Kubectl, owner: Omit<Owner, 'step'>): Promise<Map<string, LiveObject>> {
  const words = ['get', prunableKinds.join(','), '--all-namespaces', '--selector', moduleSelector(owner)]
  return byName(itemsOf(await kubectl.json([...words, '--show-managed-fields'])))
}

async function deleteObjects(kubectl: Kubectl, objects: readonly LiveObject[]): Promise<void> {
  const items = objects.map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
  }))
  await kubectl.run(['delete', '--ignore-not-found', '--wait=false', '-f', '-'], {
    input: { apiVersion: 'v1', kind: 'List', items },
  })
}

const decoded = (secret: LiveObject): [string, string][] =>
  Object.entries((secret['data'] ?? {}) as Record<string, string>).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString(),
  ])
