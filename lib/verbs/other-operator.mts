import { log } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'
import type { Change } from '../base/writes.mts'
import { differingSettings, type RecordedSettings } from '../settings/recorded.mts'
import { operator, shortTime, type Revision } from '../state/revision.mts'

/** Most settings, and most fields, that are shown. */
const mostShown = 8

/** True for a field that differs by versions.json, or follows from others. */
const isOwnAffair = (field: string): boolean => /\.image {3}|keybuzz\.io\/checksum/.test(field)

/**
 * Lines about a run that changes what another operator, or this one on another admin host, has made with other
 * settings.
 * @param current the newest revision of the module
 * @param changes what this run would change
 * @param me from `operator`
 * @param mine the settings of this run
 * @returns the text, and the settings and fields that differ; undefined when there is nothing to warn of
 */
export function othersRevision(
  current: Revision | undefined,
  changes: readonly Change[],
  me: string,
  mine: () => RecordedSettings,
): { readonly text: string; readonly differing: readonly string[] } | undefined {
  if (current === undefined || current.who === me || current.state === 'uninstalled') return undefined
  const fields = changes.flatMap(({ sign, what, fields: lines = [] }) =>
    sign === '~' ? lines.filter((line) => !isOwnAffair(line)).map((line) => `${what}: ${line}`) : [],
  )
  if (fields.length === 0) return undefined
  const text = `revision ${current.number} was made by ${shortened(current.who, 60)} (${shortTime(current.when)} UTC), with other settings than yours: this run changes them`
  // Revisions of older kits have no record of their settings.
  const settings = current.madeWith === undefined ? [] : differingSettings(current.madeWith, mine())
  return { text, differing: [...first(settings), ...first(fields)] }
}

const first = (lines: readonly string[]): string[] => {
  const rest = lines.length - mostShown
  return [...lines.slice(0, mostShown), ...(rest > 0 ? [`and ${rest} more`] : [])]
}

/** Warns of a run that changes another operator's revision. @param mine the settings of this run */
export function warnOfOthers(
  current: Revision | undefined,
  changes: readonly Change[],
  mine: () => RecordedSettings,
): void {
  const found = othersRevision(current, changes, operator(), mine)
  if (found === undefined) return
  log.warn(
    [found.text, ...found.differing].join('\n      '),
    'compare credentials/ of both machines: two admin hosts with different settings revert each other with each run',
  )
}
