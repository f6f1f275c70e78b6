import { exitCodes, KitError } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { createHeldCheck } from './dead-node.mts'
import { deletionText } from './deletion-text.mts'
import { pauseFor } from '../base/poll.mts'
import { nameOf, type LiveObject, type Manifest } from './types.mts'
import type { Kubectl } from './kubectl.mts'
import { DeniedUnnamed } from './kubectl-errors.mts'

/** kubectl's JSON for several objects. */
interface List {
  kind: 'List'
  items: LiveObject[]
}

const list = (items: readonly unknown[]) => ({ apiVersion: 'v1', kind: 'List', items })

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

/** The objects in kubectl's JSON: a List for many, the bare object for one, undefined for none. */
export const itemsOf = (found: List | LiveObject | undefined): LiveObject[] => {
  if (found === undefined) return []
  return 'items' in found ? (found as List).items : [found]
}

/** Objects by nameOf: `Deployment n8n-staging/n8n-worker`. */
export const byName = (objects: readonly LiveObject[]): Map<string, LiveObject> =>
  new Map(objects.map((object) => [nameOf(object), object]))

/**
 * Sends objects by server-side apply with --force-conflicts: the caller has handled conflicts before.
 * @param dryRun nothing is written: the API server returns the objects as they would be, with managedFields
 * @param manager the field manager
 * @returns the applied objects by nameOf
 * @throws ObjectModified (5) for a manifest with an old resourceVersion; KitError exit 5 when its namespace is being
 * deleted, exit 8 when a rule of the cluster denies an object; see also Kubectl.json
 */
export async function sendObjects(
  kubectl: Kubectl,
  manifests: readonly Manifest[],
  { dryRun, manager = fieldManager }: { dryRun: boolean; manager?: string },
): Promise<Map<string, LiveObject>> {
  // Without --force-conflicts kubectl would stop in the middle of a list. Without --validate=false it would refuse
  // partial objects (replicas alone); the API server validates the merged object.
  const words = [
    'apply',
    '--server-side',
    '--force-conflicts',
    '--validate=false',
    `--field-manager=${manager}`,
    '-f',
    '-',
  ]
  const dry = [...words, '--dry-run=server', '--show-managed-fields']
  const send = (some: readonly Manifest[], how: readonly string[], once = false) =>
    kubectl.json<List | LiveObject>(how, { input: list(some), timeoutSeconds: 120, once })
  const found = await send(manifests, dryRun ? dry : words).catch(async (thrown: unknown) => {
    if (thrown instanceof DeniedUnnamed)
      for (const one of manifests) await send([one], dry, true).catch(throwDenial)
    throw thrown
  })
  return byName(itemsOf(found))
}

/** Throws the denial of a dry run of one object, or an interruption; other failures do not name the denied object. */
function throwDenial(thrown: unknown): void {
  const { denied, interrupted, terminated } = exitCodes
  const codes: readonly unknown[] = [denied, interrupted, terminated]
  if (!(thrown instanceof KitError) || codes.includes(thrown.exitCode)) throw thrown
}

/** The field manager of the kit's writes. */
export const fieldManager = 'keybuzz'

/** The kit's field manager of `spec.replicas` where the kit does not declare it, or changes it for a while. */
export const replicasManager = 'keybuzz-handover'

/** Seconds deleted objects and the pods they own may take to be gone. */
const podsEndSeconds = 900

/** Requests for the objects between two requests for the pods they wait for. */
const looksBetween = 5

/**
 * Deletes objects, in this order.
 * @param wait until they and everything they own are gone, up to 900 s: then no pod uses a backend any more
 * @returns the number of deletions the API server has accepted, without objects that were gone before
 * @throws KitError exit 9 when `wait` and objects are not gone in time, or the node of a pod they wait for does not
 * answer (PodCannotEnd), see waitUntilGone; see also Kubectl.run
 */
export async function deleteObjects(
  kubectl: Kubectl,
  objects: readonly LiveObject[],
  { wait }: { wait: boolean },
): Promise<number> {
  const items = objects.map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
  }))
  const how = wait ? ['--cascade=foreground'] : []
  const words = ['delete', '--ignore-not-found', ...how, '--wait=false', '-o', 'name', '-f', '-']
  // One line for each object whose deletion was accepted.
  const taken = await kubectl.run(words, { input: { apiVersion: 'v1', kind: 'List', items } })
  // `kubectl delete --wait` would wait silently: the wait is done here, with requests to the API server.
  if (wait) await waitUntilGone(kubectl, objects, podsEndSeconds)
  return taken.split('\n').filter((line) => line !== '').length
}

/**
 * Waits until deleted objects are gone. Objects still being deleted are logged, with the finalizers they wait for,
 * whenever that changes.
 * @param seconds until the wait fails
 * @param everyMs milliseconds between two requests
 * @throws KitError exit 9 naming the objects left, with their finalizers; PodCannotEnd (9) when the node of a pod they
 * wait for does not answer; exit 130 or 143 on a signal; see also Api
 */
export async function waitUntilGone(
  kubectl: Kubectl,
  objects: readonly LiveObject[],
  seconds: number,
  everyMs = 1000,
): Promise<void> {
  const started = performance.now()
  const failIfHeld = createHeldCheck(kubectl, (everyMs * looksBetween) / 1000)
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
    if (passed > seconds) throw notGone(left, seconds)
    await failIfHeld(left, passed)
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
