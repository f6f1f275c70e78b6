import { few } from './few.mts'

// The only source of the sentence that nothing was written: writes are recorded, never assumed.

/** What this run of a module has begun to write, in order: objects, files, changes of hosts. */
const begun = new Set<string>()

/** Most of them that a message names. */
const named = 3

/** Records a write that is about to be made. @param what `ConfigMap n8n-dev/n8n`, `host k8s-1: installing K3s` */
export const noteBegun = (what: string): void => void begun.add(what)

/** Forgets what was begun: the run of a module is over, and the next one of this process has written nothing yet. */
export const forgetBegun = (): void => begun.clear()

/** One sentence: `Nothing was written.`, or what this run has begun to write so far. */
export function written(): string {
  if (begun.size === 0) return 'Nothing was written.'
  return `This run had begun to write: ${few([...begun], named)}.`
}

/** As `written`, for the middle of a sentence: `nothing was written`. */
export const writtenClause = (): string => {
  const sentence = written()
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1, -1)}`
}
