import { onlyLooks, type Arguments } from './request.mts'
import { connectCluster, recordedIdentity, recordIdentity, requireSameCluster } from '../kube/cluster.mts'
import type { Cluster } from '../kube/cluster.mts'
import { undoDrills } from '../checks/drill-undo.mts'
import { lookAtCluster, type Look } from '../kube/cluster-view.mts'
import { requireGate } from '../state/gate.mts'
import { checksumKeyOf, type ChecksumKey } from '../state/checksum-key.mts'
import { createClusterLock, type ClusterLock } from '../state/cluster-lock.mts'
import { interruption } from '../base/signals.mts'
import { createKube } from '../kube/apply/kube-session.mts'
import type { KubeSession } from '../kube/apply/kube.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import type { KnownFailure } from '../kube/rollout/failure.mts'
import { drillOf, isHeld } from '../state/lease.mts'
import { log, say } from '../base/log.mts'
import { folderOf, headingOf, systemNamespace } from '../base/names.mts'
import type { Module } from './module.mts'
import { needsOf } from './modules.mts'
import type { KnownNetwork } from './policies.mts'
import { createRecordCheck, operator, type Revision } from '../state/revision.mts'
import { readRecords } from '../state/revision-store.mts'
import { readClusterNetwork } from '../state/cluster-network.mts'
import { createRunRevision, type RunRevision, type RunRevisionOptions } from '../state/run-revision.mts'
import type { RecordedSettings } from '../settings/recorded.mts'
import { fingerprintBy, type Fingerprint } from '../state/kept-keys.mts'
import { kitVersion, type Versions } from '../settings/versions.mts'
import type { Writes } from '../base/writes.mts'

/** The cluster of a run, and the kit's records in it. */
export interface OpenedCluster {
  readonly cluster: Cluster
  readonly look: Look
  readonly kube: KubeSession
  readonly revisions: RunRevision
  /** Every revision of every module on this cluster. */
  readonly known: readonly Revision[]
  readonly checksumKey: ChecksumKey
  /** The facts about it that NetworkPolicies depend on. */
  readonly network: KnownNetwork
  /** The drill of another run, with that run; also of one that was killed in it. Undefined when there is none. */
  readonly drill: string | undefined
  /** Acquired by `mayWrite`; a reader acquires it when no other run may change what it reads. */
  readonly lock: ClusterLock
  /**
   * Called before every write: asks for the name of a protected environment, requires the lock, records the identity.
   * @throws KitError exit 2 without that name, exit 11 when another run has the lock, exit 12 when the identity cannot
   *   be saved, exit 3 or 5 to 9 from kubectl, exit 130 or 143 on a signal
   */
  mayWrite(): Promise<void>
}

export interface OpenOptions {
  readonly module: Module
  readonly env: string
  readonly options: Arguments
  /** Asks for the name of a protected environment, before the first write. @throws KitError exit 2, 130 or 143 */
  readonly permit: () => Promise<void>
  readonly versions: Versions
  /** The images this run installs, read when its revision begins. */
  readonly images: () => Readonly<Record<string, string>>
  /** The settings this run works with, read when its revision begins. */
  readonly settings: (fingerprint: Fingerprint) => RecordedSettings
  /** Known failures of the module's containers, read when one fails. */
  readonly failures: () => readonly KnownFailure[]
  /** The gate of writes that belong to this run's revision. */
  readonly writes: Writes
}

/**
 * Connects to the cluster of an environment, reads it, and requires that a module may begin on it. The lock is acquired
 * with the first write: a run without changes needs none.
 * @throws KitError exit 2 for a damaged kubeconfig or identity file, exit 3 without kubeconfig or kubectl, for a needed
 *   module or an unhealthy cluster, exit 5 for another cluster than recorded, exit 6 without an answer, exit 7 for a
 *   certificate, exit 8 for refused credentials, exit 9 for another refusal of the API server, exit 11 when another run
 *   has the lock, exit 12 for the temporary folder of kubectl proxy, exit 130 or 143 on a signal
 */
export async function openCluster(opening: OpenOptions): Promise<OpenedCluster> {
  const { module, env, options, permit, versions } = opening
  const cluster = await connectCluster(env, versions)
  const { kubectl } = cluster
  const first = await readCluster(kubectl, module)
  const noteIdentity = requireIdentity(env, cluster, first.look)
  say(`KeyBuzz ${headingOf(module)}   ${env}   cluster ${cluster.name} (${first.look.summary})`)
  requireNeeded(opening, first)
  const lock = createClusterLock({
    kubectl,
    found: first.records.lease,
    holder: `${operator()}, ${folderOf(module)} (${env})`,
    wait: options.wait,
    hasNamespace: first.look.namespaces.some(({ metadata }) => metadata.name === systemNamespace),
  })
  const mayWrite = async () => {
    interruption.throwIfAsked()
    await permit()
    await lock.assertHeld()
    noteIdentity()
  }
  try {
    const { look, records } = await readUnderLock(opening, lock, kubectl, first)
    for (const { name, why } of records.damaged) warnDamaged(name, why)
    const known = records.revisions
    const checksumKey = checksumKeyOf(kubectl, records.objects)
    const settings = () => opening.settings(fingerprintBy(checksumKey.value))
    const revisions = revisionsOf(opening, { kubectl, known, settings, guard: mayWrite })
    const kube = createKube({
      kubectl,
      writes: opening.writes,
      owner: { module: folderOf(module), env },
      forceConflicts: options.forceConflicts,
      failures: opening.failures,
      namespaces: look.namespaces,
      objects: records.objects,
      checksumKey: checksumKey.value,
      moreKinds: module.moreKinds ?? [],
      isRecorded: createRecordCheck(revisions.all),
    })
    const network = { network: readClusterNetwork(records.objects), nodes: look.nodes }
    const drill = records.lease && drillOf(records.lease)
    return { cluster, look, kube, revisions, known, network, drill, lock, checksumKey, mayWrite }
  } catch (thrown) {
    await lock.release()
    throw thrown
  }
}

/** The state of a cluster at one moment, and the kit's records in it. */
interface Reading {
  readonly look: Look
  readonly records: Awaited<ReturnType<typeof readRecords>>
}

async function readCluster(kubectl: Kubectl, { moreKinds }: Pick<Module, 'moreKinds'>): Promise<Reading> {
  const [look, records] = await Promise.all([lookAtCluster(kubectl), readRecords(kubectl, moreKinds)])
  return { look, records }
}

/** @returns a function that records the identity unless it is recorded. @throws KitError exit 5 for another cluster */
function requireIdentity(env: string, { caHash }: Cluster, { uid }: Look): () => void {
  const met = { uid, ca: caHash }
  const recorded = recordedIdentity(env)
  requireSameCluster(env, recorded, met)
  let isNoted = recorded !== undefined
  return () => {
    if (!isNoted) recordIdentity(env, met)
    isNoted = true
  }
}

/** @throws KitError exit 3 when a needed module is not validated on this cluster, or the cluster is not healthy */
function requireNeeded({ module, env, options }: OpenOptions, { look, records }: Reading): void {
  const needed = needsOf(module.number)
  if (needed.length > 0 && options.verb !== 'status') requireGate(env, look, needed, records.revisions)
}

/** Acquires the lock, and reads the cluster again when another run held it: what was read before is outdated then. */
async function readUnderLock(
  { options, module }: OpenOptions,
  lock: ClusterLock,
  kubectl: Kubectl,
  first: Reading,
): Promise<Reading> {
  const { lease } = first.records
  const isBusy = lease !== undefined && isHeld(lease)
  if (onlyLooks(options) || !(isBusy || options.wait)) return first
  return (await lock.acquireAndRefresh()) ? readCluster(kubectl, module) : first
}

const revisionsOf = (
  { module, env, images }: OpenOptions,
  from: Pick<RunRevisionOptions, 'kubectl' | 'known' | 'settings' | 'guard'>,
): RunRevision => createRunRevision({ ...from, module: folderOf(module), env, kit: kitVersion(), images })

const warnDamaged = (name: string, why: string): void =>
  log.warn(
    `revision Secret ${systemNamespace}/${name} cannot be read (${why}): it is left out`,
    `kubectl --namespace ${systemNamespace} delete secret ${name}`,
  )

/**
 * Restores Deployments that a killed drill scaled to 0, and waits until they are ready, before anything else is read.
 * @throws KitError exit 2, 11, 12, 130 or 143, see mayWrite; exit 3 or 5 to 9 from kubectl; exit 9 when one does not
 *   become ready
 */
export async function putBackDrills({ cluster, kube }: OpenedCluster, repairs: Writes): Promise<void> {
  const deployments = await undoDrills(cluster.kubectl, repairs, await kube.recorded())
  if (deployments.length === 0) return
  kube.invalidate()
  for (const { metadata } of deployments)
    await kube.waitForRolloutUncached(metadata.namespace ?? '', [metadata.name])
}
