import { compare, fieldManager, type Comparison } from './diff.mts'
import { nameOf, type LiveObject, type Manifest } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { fieldLines } from './plan.mts'
import { standsAsWanted } from './standing.mts'
import type { Change } from './writes.mts'

/** One object of a batch: what we want, what is there, what applying would change. */
export interface Planned {
  readonly manifest: Manifest
  readonly comparison: Comparison
}

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

/** Names of namespaces in a batch that are not there yet. */
export const newNamespaces = (
  manifests: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): string[] =>
  manifests.flatMap((one) =>
    one.kind === 'Namespace' && !live.has(nameOf(one)) ? [one.metadata?.name ?? ''] : [],
  )

/** Names of namespaces a batch needs that are not there yet. */
export const missingNamespaces = (
  manifests: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
): string[] => [
  ...newNamespaces(manifests, live),
  ...manifests.flatMap(({ metadata }) =>
    metadata?.namespace === undefined || live.has(`Namespace ${metadata.namespace}`)
      ? []
      : [metadata.namespace],
  ),
]

/**
 * What applying `manifests` would change, asked of the server without changing anything; it is not asked about what
 * certainly stands. Objects in a namespace that does not exist yet (`absent`) cannot be asked about: they are new.
 */
export async function planObjects(
  kubectl: Kubectl,
  manifests: readonly Manifest[],
  live: ReadonlyMap<string, LiveObject>,
  absent: ReadonlySet<string>,
): Promise<Planned[]> {
  const standing = new Set(
    manifests.filter((manifest) => standsAsWanted(manifest, live.get(nameOf(manifest)))),
  )
  const askable = manifests.filter(
    (manifest) =>
      !standing.has(manifest) && !absent.has(manifest.metadata?.namespace ?? manifest.metadata?.name ?? ''),
  )
  const dryRun =
    askable.length === 0
      ? new Map<string, LiveObject>()
      : await sendObjects(kubectl, askable, { dryRun: true })
  return manifests.map((manifest) => {
    if (standing.has(manifest)) return { manifest, comparison: { status: 'unchanged', fields: [] } }
    const result = dryRun.get(nameOf(manifest))
    const comparison: Comparison =
      result === undefined ? { status: 'new', fields: [] } : compare(live.get(nameOf(manifest)), result)
    return { manifest, comparison }
  })
}

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

/** How a planned object stands in the plan; unchanged ones are counted, not listed. */
export function changeOf({ manifest, comparison }: Planned): Change | undefined {
  if (comparison.status === 'unchanged') return undefined
  if (comparison.status === 'new') return { sign: '+', what: nameOf(manifest) }
  return {
    sign: '~',
    what: nameOf(manifest),
    fields: comparison.fields.map((field) => fieldLines(manifest, field)),
  }
}

/** `11 objects: 3 created, 2 changed, 6 unchanged`, or that nothing was sent. */
export function countLine(planned: readonly Planned[]): string {
  const count = (status: string) => planned.filter(({ comparison }) => comparison.status === status).length
  const [created, changed, same] = [count('new'), count('changed'), count('unchanged')]
  if (created + changed === 0) return `${same} objects unchanged, nothing sent`
  const parts = [`${created} created`, `${changed} changed`, `${same} unchanged`]
  return `${planned.length} objects: ${parts.filter((part) => !part.startsWith('0 ')).join(', ')}`
}
