import { exitCodes, KitError } from '../../base/errors.mts'
import type { Kubectl } from '../kubectl.mts'

// An empty list is no event of a watch: that something is not there can be told only by an answer of the API server,
// never by how long a watch has been silent.

/** Seconds after which what a watch has not shown is asked for, and between two such questions. */
export const usualAbsenceSeconds = 10

/**
 * @param kind as kubectl names it: `deployments.apps`
 * @returns a question for a wait: whether the API server itself says that `name` is not there, `seconds` after the
 * wait began. False while it is too early to ask, and when the API server does not answer.
 */
export function createAbsenceCheck(
  kubectl: Kubectl,
  kind: string,
  namespace: string,
  everySeconds = usualAbsenceSeconds,
): (name: string, seconds: number) => Promise<boolean> {
  const asked = new Map<string, number>()
  return async (name, seconds) => {
    if (seconds - (asked.get(name) ?? 0) < everySeconds) return false
    asked.set(name, seconds)
    try {
      const words = ['get', kind, name, '--namespace', namespace, '--ignore-not-found']
      return (await kubectl.json(words, { once: true })) === undefined
    } catch (thrown) {
      if (thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable) return false
      throw thrown
    }
  }
}

/** Somebody took away what is waited for: it will not come. */
export const deletedMeanwhile = (what: string): KitError =>
  new KitError(`${what} was deleted while it was waited for`, {
    exitCode: exitCodes.worldMoved,
    details: ['Another person or program works on this cluster, or the namespace is being deleted.'],
    hint: 'find out who; then run the same command again',
  })
