import { few } from './few.mts'

// The only place that says that nothing was written: it is counted, never assumed.

/** What this process has begun to write, in order: names of objects, files, changes of hosts. */
const begun = new Set<string>()

/** How many of them a message names. */
const named = 3

/** Remembers a write that is about to be made. @param what `ConfigMap n8n-dev/n8n`, `host k8s-1: installing K3s` */
export const noteBegun = (what: string): void => void begun.add(what)

/** `Nothing was written.`, or what this run has begun to write until now. */
export function written(): string {
  if (begun.size === 0) return 'Nothing was written.'
  return `This run had begun to write: ${few([...begun], named)}.`
}

/** As `written`, for the middle of a sentence: `nothing was written`. */
export const writtenClause = (): string => {
  const sentence = written()
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1, -1)}`
}
