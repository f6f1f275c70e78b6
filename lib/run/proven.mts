import type { Module } from './module.mts'
import type { Session } from './session.mts'

/**
 * True when the newest validation of the module passed every check, and this run has neither made nor foreseen a change.
 * Pure.
 */
export function isProven<M extends Module>({
  opened,
  writes,
}: Pick<Session<M>, 'opened' | 'writes'>): boolean {
  if (opened === undefined) return false
  const { state, tested } = opened.revisions.current ?? {}
  const isQuiet = writes.changes.length === 0 && opened.kube.foreseen.length === 0
  return isQuiet && state === 'validated' && tested?.failed === 0
}
