import { compare, type Comparison } from './diff.mts'
import { nameOf, type LiveObject, type Manifest } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { fieldLines } from './plan.mts'
import { standsAsWanted } from './standing.mts'
import type { Change } from './writes.mts'
import { sendObjects } from './kube-objects.mts'

/** One object of a batch: what we want, what is there, what applying would change. */
export interface Planned {
  readonly manifest: Manifest
  readonly comparison: Comparison
}

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
