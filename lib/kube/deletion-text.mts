import { nameOf, type LiveObject } from './types.mts'

// Pure: what messages say of objects that are being deleted.

/** True for a live object that is being deleted. */
export const isEnding = ({ metadata }: LiveObject): boolean => metadata.deletionTimestamp !== undefined

/** `Secret n8n/n8n is being deleted since 2026-11-23T10:00:00Z` @param live an object that is being deleted */
export const endingText = (live: LiveObject): string =>
  `${deletionText(live)} is being deleted since ${live.metadata.deletionTimestamp}`

/**
 * `deletion accepted`, for a deletion that is not waited for, and the finalizers each object waits for.
 * @param taken what deleteObjects returned @param objects as they were before
 */
export function acceptedText(taken: number, objects: readonly LiveObject[]): string {
  const gone = objects.length - taken
  const held = objects.filter((live) => foreignFinalizers(live).length > 0)
  return [
    `deletion${gone === 0 ? '' : ` of ${taken}`} accepted${gone === 0 ? '' : `, ${gone} were gone before`}`,
    ...held.map((live) => `${nameOf(live)} waits for its finalizers: ${foreignFinalizers(live).join(', ')}`),
  ].join('; ')
}

/** `deleted`, or how many objects were. @param taken what deleteObjects returned @param all number of objects */
export const deletedText = (taken: number, all: number): string =>
  taken === all ? 'deleted' : `${taken} deleted, ${all - taken} were gone before`

/** Finalizers the API server itself sets for the propagation policies Foreground and Orphan. */
const ownFinalizers = ['foregroundDeletion', 'orphan']

const foreignFinalizers = ({ metadata }: LiveObject): string[] =>
  (metadata.finalizers ?? []).filter((one) => !ownFinalizers.includes(one))

/**
 * `Secret n8n/n8n (waits for its finalizers: example.com/backup)`
 * @param live when it is not being deleted, the text says so
 */
export function deletionText(live: LiveObject): string {
  const foreign = foreignFinalizers(live)
  if (live.metadata.deletionTimestamp === undefined) return `${nameOf(live)} (nobody is deleting it)`
  return foreign.length === 0
    ? nameOf(live)
    : `${nameOf(live)} (waits for its finalizers: ${foreign.join(', ')})`
}
