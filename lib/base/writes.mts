import { countWrite } from './command.mts'
import { noteBegun } from './written.mts'

/** One change of a run, as the plan shows it. */
export interface Change {
  readonly sign: '+' | '~' | '-' | '!'
  /** `Deployment n8n-staging/n8n-worker`, `PostgreSQL database n8n_staging`. */
  readonly what: string
  /** Field by field, one line each; sensitive values already hidden. */
  readonly fields?: readonly string[]
}

/** The only way a run writes: under --plan a change is only recorded, otherwise it is recorded and made. */
export interface Writes {
  readonly planning: boolean
  readonly changes: readonly Change[]
  /**
   * Records `changes`, and unless planning runs `act`.
   * @throws what `act` and the guard throw; that of a run throws KitError exit 2 (environment not confirmed), 3 or 5 to
   * 9 (kubectl), 11 (lock), 12 (a file of this machine), Cancelled (130) or KitError exit 143 (signal)
   */
  make(changes: readonly Change[], act: () => Promise<void>): Promise<void>
  /** Records something that the plan must show and that is not a write: a conflict, an unknown. */
  note(change: Change): void
}

/**
 * Makes the Writes of a run.
 * @param planning true: nothing is ever written
 * @param guard called before each write, for example to require the lock; it throws to prevent the write
 */
export function createWrites({ planning, guard }: { planning: boolean; guard: () => Promise<void> }): Writes {
  const changes: Change[] = []
  return {
    planning,
    changes,
    async make(made, act) {
      changes.push(...made)
      if (planning) return
      await guard()
      for (const { what } of made) noteBegun(what)
      await act()
      countWrite()
    },
    note: (change) => void changes.push(change),
  }
}
