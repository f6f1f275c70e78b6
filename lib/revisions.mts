import { nameOf, type Manifest } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { isValidated, newestOf, operator, saveRevision, type Revision } from './revision.mts'

/** The revision of this run: begun at the first write, applied after the last, validated by the tests. */
export interface Revisions {
  /** The one that stands now: this run's, or the newest before it. */
  readonly current: Revision | undefined
  /** Images by name, as they are installed. */
  readonly images: Readonly<Record<string, string>>
  begin(): Promise<void>
  /** Every object of the module is as it should be. */
  applied(manifests: readonly Manifest[]): Promise<void>
  validated(checks: number): Promise<void>
}

export interface RevisionsOptions {
  readonly kubectl: Kubectl
  readonly known: readonly Revision[]
  readonly module: string
  readonly env: string
  readonly kit: string
  /** Images this run installs. */
  readonly images: () => Readonly<Record<string, string>>
}

export function createRevisions({ kubectl, known, module, env, kit, images }: RevisionsOptions): Revisions {
  let current = newestOf(known, module, env)
  let begun = false

  const make = (state: Revision['state'], manifests: readonly Manifest[]): Revision => ({
    // A pending revision is what a killed run left: this run goes on with it.
    number: current?.state === 'pending' ? current.number : (current?.number ?? 0) + 1,
    module,
    env,
    state,
    who: operator(),
    when: new Date().toISOString(),
    kit,
    images: images(),
    manifests,
  })
  const save = async (revision: Revision) => {
    await saveRevision(kubectl, revision)
    current = revision
  }

  return {
    get current() {
      return current
    },
    images: current?.images ?? {},
    async begin() {
      if (begun) return
      begun = true
      await save(make('pending', current?.manifests ?? []))
    },
    async applied(manifests) {
      if (manifests.length === 0 || (current !== undefined && current.state !== 'pending')) return
      await save({ ...(current ?? make('applied', manifests)), state: 'applied', manifests })
    },
    async validated(checks) {
      if (isValidated(current)) return
      const when = new Date().toISOString()
      const revision = current ?? make('adopted', [])
      const state = revision.manifests.length === 0 ? 'adopted' : 'validated'
      await save({ ...revision, state, validated: { when, checks } })
    },
  }
}

/** A module's objects after some of its steps ran: theirs as applied now, the others' as they were. */
export function mergeManifests(
  before: readonly Manifest[],
  now: readonly Manifest[],
  stepsRun: ReadonlySet<string>,
): Manifest[] {
  const names = new Set(now.map(nameOf))
  const kept = before.filter(
    (manifest) =>
      !names.has(nameOf(manifest)) && !stepsRun.has(manifest.metadata?.labels?.['keybuzz.io/step'] ?? ''),
  )
  return [...kept, ...now]
}
