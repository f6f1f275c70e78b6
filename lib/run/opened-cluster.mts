import { setImmediate } from 'node:timers/promises'
import { onlyLooks, type Arguments } from './request.mts'
import {
  openCluster,
  recordedIdentity,
  recordIdentity,
  requireSameCluster,
  type Cluster,
} from '../kube/cluster.mts'
import { undoDrills } from '../checks/drill-undo.mts'
import { lookAtCluster, type Look } from '../kube/cluster-view.mts'
import { requireGate } from '../state/gate.mts'
import { createHold, type Hold } from '../state/lock.mts'
import { interruption } from '../base/signals.mts'
import type { LiveObject } from '../kube/types.mts'
import { createKube } from '../kube/apply/kube-session.mts'
import type { KubeSession } from '../kube/apply/kube.mts'
import { isHeld } from '../state/lease.mts'
import { log, say } from '../base/log.mts'
import { folderOf, headingOf, systemNamespace } from '../base/names.mts'
import type { Module } from './module.mts'
import { needsOf } from './modules.mts'
import { createRecordCheck, operator, type Revision } from '../state/revision.mts'
import { readRecords } from '../state/revision-store.mts'
import { createRevisions, type Revisions } from '../state/run-revision.mts'
import { kitVersion, type Versions } from '../settings/versions.mts'
import { createWrites, type Writes } from '../base/writes.mts'

/** The cluster a run stands on, and what the kit knows of it. */
export interface Ground {
  readonly cluster: Cluster
  readonly look: Look
  /** Writes of this run's revision: the first of them begins it. */
  readonly writes: Writes
  /** Writes that belong to no revision: what a drill breaks, and puts back. */
  readonly repairs: Writes
  readonly kube: KubeSession
  readonly revisions: Revisions
  /** Every revision of every module on this cluster. */
  readonly known: readonly Revision[]
  /** Whoever writes has the lock by that; others take it for what must not change under them. */
  readonly hold: Hold
}

export interface GroundOptions {
  readonly module: Module
  readonly env: string
  readonly given: Arguments
  /** Asks before the first write, where the environment is protected. @throws KitError exit 2 */
  readonly permit: () => Promise<void>
  readonly versions: Versions
  /** The images this run installs, asked when its revision begins. */
  readonly images: () => Readonly<Record<string, string>>
  /** What can be done while the cluster is asked. */
  readonly ahead: () => void
}

/**
 * Looks at the cluster of an environment, and makes sure that a module may begin on it. Its lock is taken with the
 * first write: a run that finds nothing to do needs none.
 * @throws KitError exit 2, 3, 5, 6, 7, 8 or 11 when it may not
 */
export async function openGround(options: GroundOptions): Promise<Ground> {
  const { module, env, given, permit, versions, images } = options
  const cluster = await openCluster(env, versions)
  const { kubectl } = cluster
  const questions = [lookAtCluster(kubectl), readRecords(kubectl)] as const
  // Both are under way after the next turn of the event loop.
  let [look, records] = await Promise.all([...questions, setImmediate().then(options.ahead)])
  const met = { uid: look.uid, ca: cluster.caHash }
  const recorded = recordedIdentity(env)
  requireSameCluster(env, recorded, met)
  say(`KeyBuzz ${headingOf(module)}   ${env}   cluster ${cluster.name} (${look.summary})`)
  const looking = onlyLooks(given)
  const needed = needsOf(module.number)
  if (needed.length > 0 && given.verb !== 'status') requireGate(env, look, needed, records.revisions)

  const hold = createHold({
    kubectl,
    found: records.lease,
    holder: `${operator()}, ${folderOf(module)} (${env})`,
    wait: given.wait,
    hasNamespace: look.namespaces.some(({ metadata }) => metadata.name === systemNamespace),
  })
  let noted = false
  const guard = async () => {
    interruption.throwIfAsked()
    await permit()
    await hold.require()
    if (!noted && recorded === undefined) recordIdentity(env, met)
    noted = true
  }
  const owner = { module: folderOf(module), env }
  const repairs = createWrites({ planning: looking, guard })
  const isBusy = records.lease !== undefined && isHeld(records.lease)
  try {
    if (!looking && (isBusy || given.wait) && (await hold.takeFirst()))
      // What was read while another run was at work is old by now.
      [look, records] = await Promise.all([lookAtCluster(kubectl), readRecords(kubectl)])
    const known = records.revisions
    for (const { name, why } of records.damaged) warnDamaged(name, why)
    const revisions = createRevisions({ kubectl, known, ...owner, kit: kitVersion(), images, guard })
    const writes = createWrites({
      planning: looking,
      guard: async () => {
        await guard()
        await revisions.begin()
      },
    })
    const kube = createKube({
      kubectl,
      writes,
      owner,
      forceConflicts: given.forceConflicts,
      failures: module.failures ?? [],
      namespaces: look.namespaces,
      objects: records.objects,
      isRecorded: createRecordCheck(revisions.all),
    })
    if (!looking) await putBack(await undoDrills(kubectl, repairs, await kube.recorded()), kube)
    return { cluster, look, writes, repairs, kube, revisions, known, hold }
  } catch (thrown) {
    await hold.release()
    throw thrown
  }
}

const warnDamaged = (name: string, why: string): void =>
  log.warn(
    `revision Secret ${systemNamespace}/${name} cannot be read (${why}): it is left out`,
    `kubectl --namespace ${systemNamespace} delete secret ${name}`,
  )

/** What a killed drill had taken serves again before anything else is looked at. */
async function putBack(deployments: readonly LiveObject[], kube: KubeSession): Promise<void> {
  if (deployments.length === 0) return
  kube.forget()
  for (const { metadata } of deployments) await kube.waitAnew(metadata.namespace ?? '', [metadata.name])
}
