import type { RecordedSettings } from '../settings/recorded.mts'
import { nameOf, type Manifest } from '../kube/types.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { deleteRevisions, saveRevision } from './revision-store.mts'
import { installedImages, isValidated, lastPassed, operator, type Revision } from './revision.mts'

/** The revision of this run: begun at the first write, applied after the last, validated by the tests. */
export interface RunRevision {
  /** The current revision: that of this run, or the newest before it. */
  readonly current: Revision | undefined
  /** Every revision of the module, oldest first. */
  readonly all: readonly Revision[]
  /** Installed images by name, as installedImages. */
  readonly images: Readonly<Record<string, string>>
  /** Sets the names of objects this run may create (`nameOf`): saved with its first write. */
  expect(names: readonly string[]): void
  /** Marks this run as a rollback to `target`. */
  intend(target: Revision): void
  /** Saves a pending revision, before the first write. @throws KitError exit 3 or 5 to 9 from kubectl, 130 or 143 */
  begin(): Promise<void>
  /**
   * Saves the revision once every object of the module is up to date.
   * @param schema reads the name of the last migration; called only when there is something to save
   * @throws KitError exit 3 or 5 to 9 from kubectl, exit 130 or 143 on a signal; what `schema` and the guard throw
   */
  applied(manifests: readonly Manifest[], schema: () => Promise<string | undefined>): Promise<void>
  /** Saves the outcome of the tests, when it differs or drills were run. @throws KitError as `applied` */
  tested(found: Tested): Promise<void>
  /** Saves that no object is left. @throws KitError as `applied` */
  uninstalled(): Promise<void>
}

/** What the tests of a run found. */
export interface Tested {
  /** How many checks were run. */
  readonly checks: number
  /** How many of them failed. */
  readonly failed: number
  /** How many drills were run. */
  readonly drilled: number
  /** Ids of the drills that passed. */
  readonly proven: readonly string[]
}

export interface RunRevisionOptions {
  readonly kubectl: Kubectl
  readonly known: readonly Revision[]
  readonly module: string
  readonly env: string
  readonly kit: string
  /** Images this run installs. */
  readonly images: () => Readonly<Record<string, string>>
  /** The settings this run works with. */
  readonly settings: () => RecordedSettings
  /** Called before each write. @throws KitError exit 2, 3, 5 to 9, 11, 12, 130 or 143 when this run may not write */
  readonly guard: () => Promise<void>
}

/** How many revisions are kept, and the last validated one in addition. */
const kept = 10

/** Makes the revision of a run. @param options `known` are the revisions of every module, oldest first */
export function createRunRevision(options: RunRevisionOptions): RunRevision {
  const { kubectl, module, env, kit, guard } = options
  const all = options.known.filter((one) => one.module === module && one.env === env)
  let current = all.at(-1)
  let target: Revision | undefined
  let hasBegun = false
  let expected: readonly string[] = []

  const make = (state: Revision['state'], manifests: readonly Manifest[]): Revision => ({
    number: (current?.number ?? 0) + 1,
    module,
    env,
    state,
    who: operator(),
    when: new Date().toISOString(),
    kit,
    images: target?.images ?? options.images(),
    manifests,
    ...withBegun([...(current?.begun ?? []), ...expected], manifests),
    ...(target === undefined ? {} : { rollbackOf: target.number }),
    ...(current?.schema === undefined ? {} : { schema: current.schema }),
    // The date of a drill that passed on an earlier revision is kept until the drill passes again.
    ...(current?.drills === undefined ? {} : { drills: current.drills }),
  })
  /** The revision of this run. A pending one was left by a run that did not complete: this run continues it. */
  const own = (): Revision => {
    const madeWith =
      target === undefined ? options.settings() : ofRollback(target.madeWith, options.settings())
    const fresh = {
      ...make('pending', current?.manifests ?? []),
      ...(madeWith === undefined ? {} : { madeWith }),
    }
    return current?.state === 'pending' ? { ...fresh, number: current.number } : fresh
  }
  const save = async (revision: Revision) => {
    await saveRevision(kubectl, revision)
    current = revision
  }

  return {
    get current() {
      return current
    },
    all,
    images: installedImages(all),
    expect: (names) => void (expected = names),
    intend: (one) => void (target = one),
    async begin() {
      if (hasBegun) return
      hasBegun = true
      const revision = own()
      // Not saved again without changes: runs that are each killed after one write would otherwise make no progress.
      if (current?.state !== 'pending' || intentOf(current) !== intentOf(revision)) await save(revision)
    },
    async applied(manifests, schema) {
      if (manifests.length === 0) return
      if (current !== undefined && current.state !== 'pending' && current.state !== 'uninstalled') return
      await guard()
      const mark = await schema()
      const { begun, ...made } = own()
      const schemaNow = mark === undefined ? {} : { schema: mark }
      await save({ ...made, ...withBegun(begun ?? [], manifests), state: 'applied', manifests, ...schemaNow })
      await forget(kubectl, all)
    },
    async tested({ checks, failed, drilled, proven }) {
      const adopting = current === undefined || current.state === 'uninstalled'
      if (adopting && failed > 0) return
      const revision = current === undefined || adopting ? make('adopted', []) : current
      const passes = failed === 0 && revision.state !== 'pending'
      const news = revision.tested?.failed !== failed || (passes && !isValidated(revision))
      if (!adopting && !news && drilled === 0) return
      await guard()
      const state = passes ? (revision.manifests.length === 0 ? 'adopted' : 'validated') : revision.state
      const when = new Date().toISOString()
      const passed = passes ? { when, checks } : lastPassed(revision)
      await save({
        ...revision,
        state,
        tested: { when, checks, failed },
        ...(passed === undefined ? {} : { passed }),
        drills: { ...revision.drills, ...Object.fromEntries(proven.map((id) => [id, when])) },
      })
    },
    async uninstalled() {
      if (current === undefined || current.state === 'uninstalled') return
      await guard()
      const { schema: _schema, begun: _begun, madeWith: _madeWith, ...revision } = own()
      await save({ ...revision, state: 'uninstalled', manifests: [] })
    },
  }
}

/** The settings a rollback records: those of its target, whose objects it applies, and today's secret fingerprints. */
function ofRollback(
  then: RecordedSettings | undefined,
  { kept }: RecordedSettings,
): RecordedSettings | undefined {
  if (then === undefined) return undefined
  const { values, secrets } = then
  return { values, secrets, ...(kept === undefined ? {} : { kept }) }
}

const intentOf = ({ images, rollbackOf, kit, begun, madeWith }: Revision): string =>
  JSON.stringify([images, rollbackOf, kit, begun, madeWith])

/** The begun names that are not among the manifests, without duplicates. */
function withBegun(names: readonly string[], manifests: readonly Manifest[]): Pick<Revision, 'begun'> {
  const named = new Set(manifests.map(nameOf))
  const begun = [...new Set(names)].filter((name) => !named.has(name)).toSorted()
  return begun.length === 0 ? {} : { begun }
}

/** Deletes all revisions but the last ten and the last validated one. */
async function forget(kubectl: Kubectl, all: readonly Revision[]): Promise<void> {
  const validated = all.findLast(isValidated)
  const old = all.slice(0, -(kept - 1)).filter((one) => one !== validated)
  if (old.length > 0) await deleteRevisions(kubectl, old)
}

/**
 * A module's objects after some of its steps have run: those of these steps as applied now, all others as before. One
 * that was applied twice is there once, as it was applied last.
 * @param stepsRun ids of the steps, as in the label keybuzz.io/step: `01_deploy`
 */
export function mergeManifests(
  before: readonly Manifest[],
  now: readonly Manifest[],
  stepsRun: ReadonlySet<string>,
): Manifest[] {
  const last = new Map(now.map((manifest) => [nameOf(manifest), manifest]))
  const kept = before.filter(
    (manifest) =>
      !last.has(nameOf(manifest)) && !stepsRun.has(manifest.metadata?.labels?.['keybuzz.io/step'] ?? ''),
  )
  return [...kept, ...last.values()]
}
