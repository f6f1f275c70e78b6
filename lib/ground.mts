import type { Arguments } from './arguments.mts'
import {
  openCluster,
  recordedIdentity,
  recordIdentity,
  requireSameCluster,
  type Cluster,
} from './cluster.mts'
import { lookAtCluster, requireGate } from './gate.mts'
import { interruption } from './interrupt.mts'
import { createKube, type KubeSession } from './kube.mts'
import { say } from './log.mts'
import { folderOf, headingOf, type Module } from './module.mts'
import { needsOf } from './modules.mts'
import { interactive } from './prompt.mts'
import { confirmProtected } from './protected.mts'
import { readRevisions } from './revision.mts'
import { createRevisions, type Revisions } from './revisions.mts'
import { kitVersion, type Versions } from './versions.mts'
import { createWrites, type Writes } from './writes.mts'

/** The cluster a run stands on, and what the kit knows of it. */
export interface Ground {
  readonly cluster: Cluster
  readonly writes: Writes
  readonly kube: KubeSession
  readonly revisions: Revisions
}

/**
 * Looks at the cluster of an environment and makes sure that a module may begin on it. Nothing is written.
 * @param images the images this run installs, asked when its revision begins
 * @throws KitError exit 2, 3, 5, 6, 7 or 8 when it may not
 */
export async function openGround(
  module: Module,
  env: string,
  given: Arguments,
  versions: Versions,
  images: () => Readonly<Record<string, string>>,
): Promise<Ground> {
  const cluster = await openCluster(env, versions)
  const { kubectl } = cluster
  const look = await lookAtCluster(kubectl)
  const met = { uid: look.uid, ca: cluster.caHash }
  const recorded = recordedIdentity(env)
  requireSameCluster(env, recorded, met)
  say(`KeyBuzz ${headingOf(module)}   ${env}   cluster ${cluster.name} (${look.summary})`)
  const known = await readRevisions(kubectl)
  const needed = needsOf(module.number)
  if (needed.length > 0) await requireGate(kubectl, look, needed, known)

  const revisions = createRevisions({
    kubectl,
    known,
    module: folderOf(module),
    env,
    kit: kitVersion(),
    images,
  })
  const canAsk = interactive(given.noInput)
  let begun = false
  const begin = async () => {
    interruption.throwIfAsked()
    if (begun) return
    await confirmProtected(env, { confirm: given.confirm, canAsk })
    if (recorded === undefined) recordIdentity(env, met)
    await revisions.begin()
    begun = true
  }
  const writes = createWrites({ planning: given.plan, guard: begin })
  const owner = { module: folderOf(module), env }
  const failures = module.failures ?? []
  const kube = createKube({ kubectl, writes, owner, forceConflicts: given.forceConflicts, failures })
  return { cluster, writes, kube, revisions }
}
