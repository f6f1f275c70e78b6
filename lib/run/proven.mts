import type { Writes } from '../base/writes.mts'
import type { OpenedCluster } from './opened-cluster.mts'

/** What a run knows of its cluster, and what it has changed so far. */
interface Run {
  readonly opened: Pick<OpenedCluster, 'revisions' | 'kube'> | undefined
  readonly writes: Pick<Writes, 'changes'>
}

/**
 * True when the newest validation of the module passed every check, and this run has neither made nor foreseen a change.
 * Pure.
 */
export function isProven({ opened, writes }: Run): boolean {
  if (opened === undefined) return false
  const { state, tested } = opened.revisions.current ?? {}
  const isQuiet = writes.changes.length === 0 && opened.kube.foreseen.length === 0
  return isQuiet && state === 'validated' && tested?.failed === 0
}
