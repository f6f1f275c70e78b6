import { hostname, userInfo } from 'node:os'
import { nameOf, type LiveObject, type Manifest } from '../kube/types.mts'

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
  /** The newest outcome in which every check passed, on what this revision applied. */
  readonly passed?: { readonly when: string; readonly checks: number }
  /** When each drill passed last, by its id. */
  readonly drills?: Readonly<Record<string, string>>
  /** The revision it was made from, when it is a rollback. */
  readonly rollbackOf?: number
  /** Where the database's schema stood when it was applied: the name of the last migration. */
  readonly schema?: string
  /** Names of objects a run was about to apply: what a killed one has made is known by this. */
  readonly begun?: readonly string[]
  readonly manifests: readonly Manifest[]
}

/**
 * Which live objects these revisions have made. Labels are no proof: a backup restored into another namespace, or a
 * copy made by hand, carries them too. Jobs are in no revision: those in a namespace of the module count.
 */
export function createRecordCheck(revisions: readonly Revision[]): (live: LiveObject) => boolean {
  const manifests = revisions.flatMap((one) => one.manifests)
  const names = new Set([...manifests.map(nameOf), ...revisions.flatMap(({ begun = [] }) => begun)])
  // `Deployment n8n-staging/n8n-worker`
  const namespaces = new Set([...names].flatMap((name) => / ([^/]+)\//.exec(name)?.[1] ?? []))
  return (live) =>
    live.kind === 'Job' ? namespaces.has(live.metadata.namespace ?? '') : names.has(nameOf(live))
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

/** The newest verification that passed. RunRevision of before it was kept by itself name it only while it is the newest. */
export const lastPassed = ({ tested, passed }: Revision): Revision['passed'] =>
  passed ?? (tested?.failed === 0 ? { when: tested.when, checks: tested.checks } : undefined)

/** `2026-11-23 09:12`, UTC. */
export const shortTime = (when: string | undefined): string => (when ?? '').slice(0, 16).replace('T', ' ')

/** Who runs the kit, and from where. */
export const operator = (): string => `${userInfo().username}@${hostname()}`
