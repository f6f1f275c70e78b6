import { existsSync } from 'node:fs'
import { confirmName } from '../base/confirm.mts'
import { settingsFile } from '../settings/credentials.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import type { OpenedCluster } from '../run/opened-cluster.mts'
import { nameOf, type LiveObject } from '../kube/types.mts'
import { log, say } from '../base/log.mts'
import { folderOf, headingOf } from '../base/names.mts'
import type { Module } from '../run/module.mts'
import { dependentsOf } from '../run/modules.mts'
import { ownerOf } from '../kube/apply/ownership.mts'
import { deletedText, deletionText, endingText, isEnding } from '../kube/deletion-text.mts'
import { deleteObjects } from '../kube/objects.mts'
import { isValidated, type Revision } from '../state/revision.mts'
import { requireOwner } from '../state/scope.mts'
import { forgetValidation } from '../state/validation-time.mts'
import type { Session } from '../run/session.mts'
import { machineryOf, uninstallHosts } from './uninstall-hosts.mts'
import { written } from '../base/written.mts'

/**
 * Deletes the module's objects, newest first, removes it from its hosts if it installed them, and lists what is kept.
 * With --limit, only removes these hosts from the cluster.
 * @throws KitError exit 2 when its name is not typed; exit 3 without a cluster; exit 5 while another module needs it,
 *   or when another environment owns it; exit 3 or 5 to 9 when deleting fails; exit 11 when another run has the lock;
 *   exit 130 or 143 on a signal; for a module with hosts exit 2, 3, 6 to 9, 11 or 12, see machineryOf and
 *   uninstallHosts
 */
export async function uninstall<M extends Module>(session: Session<M>): Promise<void> {
  const started = performance.now()
  const { module, env, options, answers } = session
  if (session.opened !== undefined) requireOwner({ module, env, known: session.opened.known })
  if (options.limit !== undefined) return uninstallHosts(session)
  // Hosts are uninstalled even when their cluster does not answer.
  const opened = module.machines === undefined ? session.requireOpened() : session.opened
  if (opened !== undefined) requireNobodyNeeds(module, opened)
  const machinery = await machineryOf(session, opened)
  const losses = machinery?.losses ?? []
  // Also objects whose managed-by label another tool has replaced: they would remain.
  opened?.kube.invalidate()
  const objects = inRemovalOrder((await opened?.kube.recorded()) ?? [], (one) => ownerOf(one).step)
  await opened?.kube.sayStrays()
  const made = opened === undefined ? [] : await madeByPods(module, opened)
  if (objects.length === 0 && losses.length === 0 && !stands(opened))
    return log.done(`${headingOf(module)} is not installed in ${env}`, started)
  sayEnding([...objects, ...made])
  if (!options.plan) {
    for (const line of [...[...objects, ...made].map(removalLine), ...losses]) say(`  - ${line}`)
    await confirmName(module.slug, `${headingOf(module)} is deleted from ${env}`, answers)
  }
  if (opened !== undefined) {
    await machinery?.save()
    await deleteAll(session, opened, objects, made)
  }
  await machinery?.teardown()
  if (options.plan) return
  log.done(`${headingOf(module)} uninstalled`, started)
  if (machinery === undefined) sayNamespaces(objects)
  for (const line of staysOf(session)) say(`  Kept      ${line}`)
  if (existsSync(settingsFile(env, module))) say(`  Kept      ${shownPath(settingsFile(env, module))}`)
}

/** What the pods of an installed module have made: nothing shows whose the same name is where it is not installed. */
async function madeByPods(module: Module, opened: OpenedCluster): Promise<LiveObject[]> {
  if (!stands(opened)) return []
  const asked = (module.madeByPods ?? []).map(({ kind, name, namespace }) =>
    opened.kube.reader.get(kind, name, namespace),
  )
  return (await Promise.all(asked)).flatMap((live) => live ?? [])
}

/** What the module leaves outside the cluster. Missing settings are no failure here: the uninstall is already done. */
function staysOf<M extends Module>({ module, inputs }: Session<M>): readonly string[] {
  if (module.stays === undefined) return []
  try {
    return module.stays(inputs.current())
  } catch (thrown) {
    if (!(thrown instanceof KitError)) throw thrown
    return [`what it has outside the cluster, which cannot be named: ${thrown.message}`]
  }
}

/** Warns, before the confirmation, of objects that are being deleted: their finalizers may delay the uninstall. */
function sayEnding(objects: readonly LiveObject[]): void {
  for (const one of objects.filter(isEnding))
    log.warn(
      endingText(one),
      `see what it waits for: kubectl get ${one.kind.toLowerCase()} ${one.metadata.name} --namespace ${one.metadata.namespace ?? ''} -o yaml`,
    )
}

const removalLine = (one: LiveObject): string => (isEnding(one) ? deletionText(one) : nameOf(one))

const stands = (opened: OpenedCluster | undefined): boolean =>
  opened?.revisions.current !== undefined && opened.revisions.current.state !== 'uninstalled'

/**
 * Deletes the newest step's objects first, and last what its pods made: these would make it again. Then deletes the record
 * of its validation, and saves the revision as uninstalled.
 */
async function deleteAll<M extends Module>(
  { options, writes, repairs }: Session<M>,
  { cluster, revisions, known }: OpenedCluster,
  objects: readonly LiveObject[],
  made: readonly LiveObject[],
): Promise<void> {
  const steps = [...new Set(objects.map((one) => ownerOf(one).step))].map((step) => ({
    whose: `of ${step}`,
    batch: objects.filter((one) => ownerOf(one).step === step),
  }))
  for (const { whose, batch } of [...steps, { whose: 'that its pods made', batch: made }]) {
    if (batch.length === 0) continue
    const began = performance.now()
    if (!options.plan) log.waiting(`deleting ${batch.length} objects ${whose}, until their pods have ended`)
    let taken = 0
    await writes.make(
      batch.map((one) => ({ sign: '-', what: nameOf(one) })),
      async () => void (taken = await deleteObjects(cluster.kubectl, batch, { wait: true })),
    )
    if (!options.plan) log.ok(`${batch.length} objects ${whose}: ${deletedText(taken, batch.length)}`, began)
  }
  if (options.plan) return
  await forgetValidation({ kubectl: cluster.kubectl, repairs, known, current: revisions.current })
  await revisions.uninstalled()
}

function sayNamespaces(objects: readonly LiveObject[]): void {
  for (const name of new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? [])))
    say(`  Kept      namespace ${name}   (kubectl delete namespace ${name}, when nothing else is in it)`)
}

/** @throws KitError exit 5 while another module needs this one */
export function requireNobodyNeeds(module: Module, { known }: Pick<OpenedCluster, 'known'>): void {
  const dependents = dependentsOf(module.number).map(folderOf)
  const standing = new Map<string, Revision[]>()
  for (const one of known) {
    const name = `${one.module} (${one.env})`
    const isSettled = isValidated(one) || one.state === 'uninstalled'
    standing.set(name, [...(isSettled ? [] : (standing.get(name) ?? [])), one])
  }
  // Since its last validation: after a run that was ended, pods of before may run beside those of that run.
  const needing = [...standing].flatMap(([name, since]) => {
    const isNeeding = since.some(
      (one) =>
        dependents.includes(one.module) ||
        (one.madeWith !== undefined && module.isNeededBy?.(one.madeWith) === true),
    )
    return isNeeding && since.at(-1)?.state !== 'uninstalled' ? [name] : []
  })
  if (needing.length === 0) return
  throw new KitError(`${headingOf(module)} cannot be uninstalled: other modules need it`, {
    exitCode: exitCodes.conflict,
    details: [`installed on this cluster: ${needing.join(', ')}`, written()],
    hint:
      module.isNeededBy === undefined
        ? 'uninstall these first'
        : 'uninstall these first, or give their pods Secrets again: --module N --set SECRETS=kubernetes',
  })
}

/**
 * Kinds in the order of deletion: those the API server itself calls (webhooks), then those that receive traffic; kinds
 * not listed here, such as Secrets, last.
 */
const order = [
  'MutatingWebhookConfiguration',
  'Ingress',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'Service',
]

/** Sorts by step, the last one first, then by kind as in `order`. @param stepOf gives the id of an object's step */
export function inRemovalOrder(
  objects: readonly LiveObject[],
  stepOf: (one: LiveObject) => string,
): LiveObject[] {
  const rank = ({ kind }: LiveObject) => (order.includes(kind) ? order.indexOf(kind) : order.length)
  return objects.toSorted((a, b) => stepOf(b).localeCompare(stepOf(a)) || rank(a) - rank(b))
}
