import { hostname, userInfo } from 'node:os'
import { itemsOf, sendObjects } from './kube-objects.mts'
import type { LiveObject, Manifest } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import type { Lease } from './lease.mts'
import { systemNamespace } from './names.mts'
import { everyObject, lastingKinds, prunableKinds } from './ownership.mts'
import { decodeAll, encode, revisionLabel, secretNameOf } from './revision-secret.mts'
import { countWrite } from './sh.mts'

/** What one run of one module applied, kept in the cluster (DESIGN section 6). */
export interface Revision {
  readonly number: number
  /** Folder name: `12_n8n`. */
  readonly module: string
  readonly env: string
  /**
   * `pending`: begun, perhaps killed. `applied`: every object is as it should be. `validated`: all checks passed
   * once. `adopted`: found working and validated, nothing was applied. `uninstalled`: its objects are gone.
   */
  readonly state: 'pending' | 'applied' | 'validated' | 'adopted' | 'uninstalled'
  readonly who: string
  /** ISO 8601, UTC. */
  readonly when: string
  readonly kit: string
  /** Image references by their name in versions.json. */
  readonly images: Readonly<Record<string, string>>
  /** The newest known outcome of the module's checks. */
  readonly tested?: { readonly when: string; readonly checks: number; readonly failed: number }
  /** When each drill passed last, by its id. */
  readonly drills?: Readonly<Record<string, string>>
  /** The revision it was made from, when it is a rollback. */
  readonly rollbackOf?: number
  /** Where the database's schema stood when it was applied: the name of the last migration. */
  readonly schema?: string
  readonly manifests: readonly Manifest[]
}

/** What the kit has in a cluster. */
export interface Records {
  /** Of every module and environment, oldest first. */
  readonly revisions: Revision[]
  /** The lock, as it was before everything else here was read. */
  readonly lease: Lease | undefined
  /** Every object of every module. */
  readonly objects: readonly LiveObject[]
}

/** Reads everything the kit has in a cluster, in one question. kubectl asks for its kinds in their order: the lock first. */
export async function readRecords(kubectl: Kubectl): Promise<Records> {
  const kinds = ['leases.coordination.k8s.io', ...prunableKinds, ...lastingKinds].join(',')
  const words = ['get', kinds, '--all-namespaces', '--selector', everyObject, '--show-managed-fields']
  const objects = itemsOf(await kubectl.json(words))
  // Elsewhere somebody could write them who has rights in one namespace only.
  const kept = objects.filter(({ metadata }) => metadata.namespace === systemNamespace)
  return {
    revisions: decodeAll(kept).toSorted((a, b) => a.number - b.number),
    lease: kept.find(({ kind }) => kind === 'Lease') as Lease | undefined,
    objects,
  }
}

/** The newest revision of a module; cluster-scope modules have one for all environments. */
export const newestOf = (
  revisions: readonly Revision[],
  module: string,
  env: string | undefined,
): Revision | undefined =>
  revisions.findLast((one) => one.module === module && (env === undefined || one.env === env))

/** True when the checks passed on what this revision applied. */
export const isValidated = (revision: Revision | undefined): boolean =>
  revision?.state === 'validated' || revision?.state === 'adopted'

/** `2026-11-23 09:12`, UTC. */
export const shortTime = (when: string | undefined): string => (when ?? '').slice(0, 16).replace('T', ' ')

/** Who runs the kit, and from where. */
export const operator = (): string => `${userInfo().username}@${hostname()}`

/** Writes a revision, whole: what it is kept in beside its head is there before the head names it. */
export async function saveRevision(kubectl: Kubectl, revision: Revision): Promise<void> {
  const { head, parts } = encode(revision)
  if (parts.length > 0) await sendObjects(kubectl, parts, { dryRun: false })
  await sendObjects(kubectl, [head], { dryRun: false })
  countWrite()
}

/** Deletes revisions nobody needs any more, with all their parts. */
export async function deleteRevisions(kubectl: Kubectl, old: readonly Revision[]): Promise<void> {
  const selector = `${revisionLabel} in (${old.map(secretNameOf).join(',')})`
  await kubectl.run(['delete', 'secrets', '-n', systemNamespace, '--selector', selector])
  countWrite()
}
