import { nameOf, type LiveObject, type Manifest } from './types.mts'
import type { Kubectl } from './kubectl.mts'

/** What kubectl gives for several objects. */
interface List {
  kind: 'List'
  items: LiveObject[]
}

const list = (items: readonly unknown[]) => ({ apiVersion: 'v1', kind: 'List', items })

/** The live objects of these manifests, by name; kinds the cluster does not know yet are simply absent. */
export async function findLive(
  kubectl: Kubectl,
  manifests: readonly Manifest[],
): Promise<Map<string, LiveObject>> {
  if (manifests.length === 0) return new Map()
  const found = await kubectl.json<List | LiveObject>(
    ['get', '-f', '-', '--ignore-not-found', '--show-managed-fields'],
    { input: list(manifests) },
  )
  return byName(itemsOf(found))
}

/** kubectl gives a List for many objects, the bare object for one, nothing for none. */
export const itemsOf = (found: List | LiveObject | undefined): LiveObject[] => {
  if (found === undefined) return []
  return 'items' in found ? (found as List).items : [found]
}

export const byName = (objects: readonly LiveObject[]): Map<string, LiveObject> =>
  new Map(objects.map((object) => [nameOf(object), object]))

/** Sends objects by server-side apply; with `dryRun` the server only says what would become of them. */
export async function sendObjects(
  kubectl: Kubectl,
  manifests: readonly Manifest[],
  { dryRun, manager = fieldManager }: { dryRun: boolean; manager?: string },
): Promise<Map<string, LiveObject>> {
  // Conflicts were shown and decided before; without --force-conflicts kubectl would stop in the middle of a list.
  // Parts of an object are no valid object to kubectl; the server judges the whole that comes out.
  const words = [
    'apply',
    '--server-side',
    '--force-conflicts',
    '--validate=false',
    `--field-manager=${manager}`,
    '-f',
    '-',
  ]
  const found = await kubectl.json<List | LiveObject>(
    dryRun ? [...words, '--dry-run=server', '--show-managed-fields'] : words,
    { input: list(manifests), timeoutSeconds: 120 },
  )
  return byName(itemsOf(found))
}

/** The field manager every write of the kit carries. */
export const fieldManager = 'keybuzz'

/** Seconds a deleted Deployment's pods may take to end: their own grace period, and a margin. */
const longest = 900

/**
 * Deletes objects, in this order.
 * @param wait until they and everything they own are gone: nothing talks to a backend any more then
 */
export async function deleteObjects(
  kubectl: Kubectl,
  objects: readonly LiveObject[],
  { wait }: { wait: boolean },
): Promise<void> {
  const items = objects.map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
  }))
  const how = wait ? ['--cascade=foreground', '--wait=true', `--timeout=${longest}s`] : ['--wait=false']
  await kubectl.run(['delete', '--ignore-not-found', ...how, '-f', '-'], {
    input: { apiVersion: 'v1', kind: 'List', items },
    ...(wait ? { timeoutSeconds: longest } : {}),
  })
}
