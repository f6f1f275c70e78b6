import { countWrite } from './command.mts'
import { noteBegun } from './written.mts'

/** One thing a run changes, as the plan shows it. */
export interface Change {
  readonly sign: '+' | '~' | '-' | '!'
  /** `Deployment n8n-staging/n8n-worker`, `PostgreSQL database n8n_staging`. */
  readonly what: string
  /** Field by field, one line each; sensitive values already hidden. */
  readonly fields?: readonly string[]
}

/** The one gate every write of a run goes through: under --plan it only records, otherwise it records and acts. */
export interface Writes {
  readonly planning: boolean
  readonly changes: readonly Change[]
  /**
   * Records `changes`, and unless planning runs `act`.
   * @throws what `act` throws; what the guard throws: KitError exit 5 (another cluster), 11 (the lock is lost)
   */
  make(changes: readonly Change[], act: () => Promise<void>): Promise<void>
  /** Records something that the plan must show and that is not a write: a conflict, an unknown. */
  note(change: Change): void
}

/**
 * @param planning true: nothing is ever written
 * @param guard runs before each write and checks cluster identity and lock; it throws to stop the write
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
