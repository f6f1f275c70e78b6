import { countWrite } from './command.mts'

/** One thing a run changes, as the plan shows it. */
export interface Change {
  readonly sign: '+' | '~' | '-' | '!'
  /** `Deployment n8n-staging/n8n-worker`, `PostgreSQL database n8n_staging`. */
  readonly what: string
  /** Field by field, one line each; sensitive values already hidden. */
  readonly fields?: readonly string[]
}

/** The one gate every write of a run goes through: under --plan it records, otherwise it acts. */
export interface Writes {
  readonly planning: boolean
  readonly changes: readonly Change[]
  /** Records `changes`, and unless planning runs `act`. Throws what `act` or the guard throws. */
  make(changes: readonly Change[], act: () => Promise<void>): Promise<void>
  /** Records something the plan must show that is no write: a conflict, an unknown. */
  note(change: Change): void
}

/**
 * @param planning true: nothing is ever acted on.
 * @param guard runs before each write: same cluster still, lock still ours. It throws to stop the write.
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
      await act()
      countWrite()
    },
    note: (change) => void changes.push(change),
  }
}
