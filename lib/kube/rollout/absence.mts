import { exitCodes, KitError } from '../../base/errors.mts'
import type { Kubectl } from '../kubectl.mts'
import { isUnreachable } from '../retry.mts'

// An empty list is not an event of a watch: only a response of the API server proves that an object is absent, never
// the time a watch has gone without events.

/** Seconds until an object that a watch has not shown is requested, and between two such requests. */
export const usualAbsenceSeconds = 10

/**
 * Makes a check whether an object does not exist, for waits.
 * @param kind as kubectl names it: `deployments.apps`
 * @param everySeconds least seconds before the first request for an object, and between two
 * @returns a function of the object's name and the seconds since the wait began: true when the API server responds that
 * the object does not exist; false also before the next request is due, and when the API server is unreachable. It
 * throws as Api otherwise
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
      return (await kubectl.api.get(kind, name, namespace, { once: true })) === undefined
    } catch (thrown) {
      if (isUnreachable(thrown)) return false
      throw thrown
    }
  }
}

/** The error (exit 5) for an object that was deleted while it was waited for. @param what `deployment/n8n-worker` */
export const deletedMeanwhile = (what: string): KitError =>
  new KitError(`${what} was deleted while it was waited for`, {
    exitCode: exitCodes.conflict,
    details: ['Another person or program works on this cluster, or the namespace is being deleted.'],
    hint: 'find out who; then run the same command again',
  })
