import { exitCodes, KitError } from '../base/errors.mts'
import { few } from '../base/few.mts'
import { log } from '../base/log.mts'
import { createHeldCheck } from './dead-node.mts'
import { deletionText } from './deletion-text.mts'
import { graceSecondsOf, marginSeconds } from './ending.mts'
import { interruption } from '../base/signals.mts'
import { pauseFor } from '../base/poll.mts'
import { nameOf, type LiveObject, type Manifest } from './types.mts'
import type { Kubectl } from './kubectl.mts'
import { ObjectModified } from './server-errors.mts'

/**
 * The live objects of these manifests, with managedFields; those that do not exist are absent.
 * @returns by nameOf
 * @throws KitError exit 9 when the cluster does not have one of their kinds; see also Api
 */
export async function findLive(
  kubectl: Kubectl,
  manifests: readonly Manifest[],
): Promise<Map<string, LiveObject>> {
  return byName(await kubectl.api.find(manifests))
}

/** Objects by nameOf: `Deployment n8n-staging/n8n-worker`. */
export const byName = (objects: readonly LiveObject[]): Map<string, LiveObject> =>
  new Map(objects.map((object) => [nameOf(object), object]))

/** Kinds by when they are sent; those that are not named are what pods read and what protects them. */
// A token Secret whose ServiceAccount is not there yet is deleted by Kubernetes' token controller.
const early = [['Namespace'], ['CustomResourceDefinition', 'ServiceAccount']]
const late = [
  ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Pod'],
  ['Ingress', 'HorizontalPodAutoscaler', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
]

/** Objects in the order they are sent: those of one list need none of the others of it. */
function ranksOf(manifests: readonly Manifest[]): Manifest[][] {
  const named = [...early, ...late].flat()
  const of = (kinds: readonly string[]) => manifests.filter(({ kind = '' }) => kinds.includes(kind))
  const rest = manifests.filter(({ kind = '' }) => !named.includes(kind))
  return [...early.map(of), rest, ...late.map(of)]
}

/**
 * Sends objects by server-side apply, conflicts overruled: those are decided before. Objects of one rank go in
 * parallel: namespaces, definitions and ServiceAccounts, then what pods read, Deployments and what else starts pods, what sends to them.
 * @param dryRun nothing is written: the API server returns the objects as they would be
 * @param manager the field manager
 * @returns the applied objects by nameOf
 * @throws ObjectModified (5) for a manifest with an old resourceVersion; KitError of the first object that was refused,
 * with those that were applied (of its rank, and of the ranks before) and those that were not; see also Kubectl.run
 */
export async function sendObjects(
  kubectl: Kubectl,
  manifests: readonly Manifest[],
  { dryRun, manager = fieldManager }: { dryRun: boolean; manager?: string },
): Promise<Map<string, LiveObject>> {
  const sent: LiveObject[] = []
  for (const rank of dryRun ? [[...manifests]] : ranksOf(manifests)) {
    const results = await Promise.allSettled(rank.map((one) => kubectl.api.apply(one, { manager, dryRun })))
    // After a signal others of the rank end with it, but the first refused one may be about something else.
    interruption.throwIfAsked()
    for (const result of results) if (result.status === 'fulfilled') sent.push(result.value)
    const refused = results.find((result) => result.status === 'rejected')
    if (refused !== undefined) throw dryRun ? refused.reason : withSent(refused.reason, manifests, sent)
  }
  return byName(sent)
}

/** Objects an error names. */
const mostNamed = 8

/** The error of an apply, and which objects were applied all the same, and which not. */
function withSent(thrown: unknown, every: readonly Manifest[], sent: readonly LiveObject[]): unknown {
  const asItIs: readonly unknown[] = [exitCodes.interrupted, exitCodes.terminated]
  if (!(thrown instanceof KitError) || thrown instanceof ObjectModified || sent.length === 0) return thrown
  if (asItIs.includes(thrown.exitCode)) return thrown
  const { message, exitCode, details, hint } = thrown
  const done = sent.map(nameOf)
  return new KitError(message, {
    exitCode,
    details: [
      ...details,
      `applied: ${few(done, mostNamed)}`,
      `not applied: ${few(
        every.map(nameOf).filter((name) => !done.includes(name)),
        mostNamed,
      )}`,
    ],
    ...(hint === undefined ? {} : { hint }),
    cause: thrown,
  })
}

/** The field manager of the kit's writes. */
export const fieldManager = 'keybuzz'

/** The kit's field manager of `spec.replicas` where the kit does not declare it, or changes it for a while. */
export const replicasManager = 'keybuzz-handover'

/** Requests for the objects between two requests for the pods they wait for. */
const looksBetween = 5

/**
 * Deletes objects, in this order.
 * @param wait until they and everything they own are gone, see waitUntilGone: then no pod uses a backend any more
 * @returns the number of deletions the API server has accepted, without objects that were gone before
 * @throws KitError exit 9 when `wait` and objects are not gone in time, or the node of a pod they wait for does not
 * answer (PodCannotEnd), see waitUntilGone; see also Kubectl.run
 */
export async function deleteObjects(
  kubectl: Kubectl,
  objects: readonly LiveObject[],
  { wait }: { wait: boolean },
): Promise<number> {
  let taken = 0
  for (const one of objects) if (await kubectl.api.remove(one, wait)) taken += 1
  // A foreground deletion is answered at once: that the objects are gone is read from the API server.
  if (wait) await waitUntilGone(kubectl, objects)
  return taken
}

/**
 * Waits until deleted objects are gone. Objects still being deleted are logged, with the finalizers they wait for,
 * whenever that changes.
 * @param seconds until the wait fails, beyond the longest grace period of the pods that are waited for
 * @param everyMs milliseconds between two requests
 * @throws KitError exit 9 naming the objects left, with their finalizers; PodCannotEnd (9) when the node of a pod they
 * wait for does not answer; exit 130 or 143 on a signal; see also Api
 */
export async function waitUntilGone(
  kubectl: Kubectl,
  objects: readonly LiveObject[],
  seconds = marginSeconds,
  everyMs = 1000,
): Promise<void> {
  const started = performance.now()
  const failIfHeld = createHeldCheck(kubectl, (everyMs * looksBetween) / 1000)
  let grace = graceSecondsOf(objects)
  let said = ''
  for (;;) {
    const live = await findLive(
      kubectl,
      objects.map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
        apiVersion,
        kind,
        metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      })),
    )
    const left = objects.flatMap((one) => {
      const now = live.get(nameOf(one))
      // An object of the same name and another uid was created meanwhile: it is not waited for.
      return now === undefined || now.metadata.uid !== one.metadata.uid ? [] : [now]
    })
    if (left.length === 0) return
    const text = left.map(deletionText).join(', ')
    const passed = (performance.now() - started) / 1000
    grace = Math.max(grace, await failIfHeld(left, passed))
    if (passed > seconds + grace) throw notGone(left, seconds + grace)
    if (text !== said) log.waiting(`still being deleted: ${text}`)
    said = text
    await pauseFor(everyMs)
  }
}

function notGone(left: readonly LiveObject[], seconds: number): KitError {
  const [first] = left
  const { name = '', namespace } = first?.metadata ?? {}
  const what = `${first?.kind.toLowerCase()} ${name}${namespace === undefined ? '' : ` --namespace ${namespace}`}`
  return new KitError(`${left.length} objects are not gone after ${seconds} s`, {
    exitCode: exitCodes.rolloutFailed,
    details: left.map(deletionText),
    hint: `see why: kubectl get ${what} -o yaml; when what set a finalizer is gone for good: kubectl patch ${what} --type=merge --patch '{"metadata":{"finalizers":null}}'. Then run the same command again`,
  })
}
