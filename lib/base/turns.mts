import { AsyncLocalStorage } from 'node:async_hooks'

// The output of several runs at once, in the order of the runs: that of the first one that is not over is shown as it
// comes, that of the others when their turn has come.

type Output = 'stdout' | 'stderr'

interface Turn {
  isOpen: boolean
  readonly kept: [Output, string][]
}

const turns = new AsyncLocalStorage<Turn>()

/** True where output is shown as it comes. */
export const isShown = (): boolean => turns.getStore()?.isOpen !== false

/** Writes to stdout or stderr, or keeps the text until the turn of its run. */
export function emit(output: Output, text: string): void {
  if (isShown()) process[output].write(text)
  else turns.getStore()?.kept.push([output, text])
}

/**
 * Does several runs at once, and shows the output of each whole, in their order.
 * @param runs never reject
 * @param isLast true for a result after which no other run is shown: what they have said is dropped
 * @returns the results, in the order of the runs, up to the last one that was shown; all runs are over then
 */
export async function inTurns<T>(
  runs: readonly (() => Promise<T>)[],
  isLast: (result: T) => boolean,
): Promise<T[]> {
  const begun = runs.map((run, at) => {
    const turn: Turn = { isOpen: at === 0, kept: [] }
    return { turn, result: turns.run(turn, run) }
  })
  const results: T[] = []
  for (const { turn, result } of begun) {
    turn.isOpen = true
    for (const [output, text] of turn.kept.splice(0)) process[output].write(text)
    results.push(await result)
    if (isLast(results.at(-1) as T)) break
  }
  await Promise.all(begun.map(({ result }) => result))
  return results
}
