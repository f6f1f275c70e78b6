import { hostname, userInfo } from 'node:os'
import type { RecordedSettings } from '../settings/recorded.mts'
import { nameOf, type LiveObject, type Manifest } from '../kube/types.mts'

/** What one run of one module applied, kept in the cluster (DESIGN section 6). */
export interface Revision {
  readonly number: number
  /** Folder name: `12_n8n`. */
  readonly module: string
  readonly env: string
  /**
   * `pending`: its run has begun, and may have been killed. `applied`: every object is up to date. `validated`: all
   * checks passed once. `adopted`: found working and validated, nothing was applied. `uninstalled`: its objects are
   * deleted.
   */
  readonly state: 'pending' | 'applied' | 'validated' | 'adopted' | 'uninstalled'
  readonly who: string
  /** ISO 8601, UTC. */
  readonly when: string
  readonly kit: string
  /** Image references by their name in versions.json. */
  readonly images: Readonly<Record<string, string>>
  /** The newest outcome of the module's checks. */
  readonly tested?: { readonly when: string; readonly checks: number; readonly failed: number }
  /** The newest outcome in which every check passed, on what this revision applied. */
  readonly passed?: { readonly when: string; readonly checks: number }
  /** When each drill passed last (ISO 8601, UTC), by its id. */
  readonly drills?: Readonly<Record<string, string>>
  /** The revision it was made from, when it is a rollback. */
  readonly rollbackOf?: number
  /** The name of the last migration in the database when the revision was applied. */
  readonly schema?: string
  /** Names of objects a run was about to apply: a killed run may have created them. */
  readonly begun?: readonly string[]
  /** The settings its objects were made with, without secret values. Revisions of older kits have none. */
  readonly madeWith?: RecordedSettings
  readonly manifests: readonly Manifest[]
}

/**
 * Makes a function that is true for live objects that these revisions have created. Labels are no proof: a backup
 * restored into another namespace, or a copy made by hand, has them too. Jobs are in no revision: those in a namespace
 * of the module count as created.
 */
export function createRecordCheck(revisions: readonly Revision[]): (live: LiveObject) => boolean {
  const manifests = revisions.flatMap((one) => one.manifests)
  const names = new Set([...manifests.map(nameOf), ...revisions.flatMap(({ begun = [] }) => begun)])
  // `Deployment n8n-staging/n8n-worker`
  const namespaces = new Set([...names].flatMap((name) => / ([^/]+)\//.exec(name)?.[1] ?? []))
  return (live) =>
    live.kind === 'Job' ? namespaces.has(live.metadata.namespace ?? '') : names.has(nameOf(live))
}

/**
 * Finds the newest revision of a module.
 * @param revisions oldest first
 * @param module folder name: `12_n8n`
 * @param env undefined for any environment: cluster-scope modules have one for all
 */
export const newestOf = (
  revisions: readonly Revision[],
  module: string,
  env: string | undefined,
): Revision | undefined =>
  revisions.findLast((one) => one.module === module && (env === undefined || one.env === env))

/**
 * The images that a run keeps unless it upgrades. A first install that did not complete has fixed none: corrections of
 * versions.json after it are used. An upgrade that did not complete has: the next run continues with its images.
 * @param all the revisions of one module in one environment, oldest first
 * @returns image references by name; empty when the images of versions.json are installed
 */
export function installedImages(all: readonly Revision[]): Revision['images'] {
  const [current, before] = [all.at(-1), all.at(-2)]
  const deciding = current?.state === 'pending' ? before : current
  return current === undefined || deciding === undefined || deciding.state === 'uninstalled'
    ? {}
    : current.images
}

/** True when the checks passed on what this revision applied. */
export const isValidated = (revision: Revision | undefined): boolean =>
  revision?.state === 'validated' || revision?.state === 'adopted'

/** True when the kit has only adopted what these revisions of one module are of, and never installed it. */
export const isOnlyAdopted = (all: readonly Revision[]): boolean =>
  all.some(({ state }) => state === 'adopted') &&
  all.every(({ state }) => state === 'adopted' || state === 'uninstalled')

/** The newest verification that passed. Revisions of older kits have no `passed`: there only `tested` can name it. */
export const lastPassed = ({ tested, passed }: Revision): Revision['passed'] =>
  passed ?? (tested?.failed === 0 ? { when: tested.when, checks: tested.checks } : undefined)

/** A time for messages: `2026-11-23 09:12`, UTC. @param when ISO 8601, UTC */
export const shortTime = (when: string | undefined): string => (when ?? '').slice(0, 16).replace('T', ' ')

/** The user and host that run the kit: `root@admin`; `uid-1234@admin` for a user id that has no name here. */
export const operator = (): string => `${userName()}@${hostname()}`

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // Node throws for a user id without an entry in the user database (docker run --user 1234).
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}
