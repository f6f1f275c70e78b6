import { redact, shortened } from '../base/sensitive.mts'
import { isSecret, type RawValues, type Resolved, type Setting } from './settings.mts'

// Pure: the settings that the last revision was made with, and those of them that a run no longer has.

/** The settings a revision was made with. A value that was only a default is not among them. */
export interface RecordedSettings {
  /** Text by setting key, of settings that are not secret. */
  readonly values: RawValues
  /** Keys of the secrets that had a value. */
  readonly secrets: readonly string[]
  /** Fingerprints of the secrets with `keep`, by setting key. Revisions of older kits have none. */
  readonly kept?: RawValues
}

/** A setting of the last revision without a value in this run's files, variables and flags. */
export interface LostSetting {
  readonly setting: Setting
  /** Its text in the last revision; undefined for a secret. */
  readonly before: string | undefined
  /** The text this run would use: the default; undefined for none, and for a secret, which would be generated anew. */
  readonly now: string | undefined
}

/** True for a text with a password in it, such as `https://user:password@example.com`: no revision may contain one. */
const holdsPassword = (text: string): boolean => redact(text) !== text || /\/\/[^/\s]*@/.test(text)

/**
 * What a revision records of the settings it is made with.
 * @param fingerprint makes the fingerprint of a secret with `keep`; without it, no fingerprints are recorded
 */
export function recordOf(
  resolved: readonly Resolved[],
  fingerprint?: (secret: string) => string,
): RecordedSettings {
  const given = resolved.filter(
    ({ setting, text, origin }) =>
      text !== undefined && text !== '' && origin !== 'default' && setting.transient !== true,
  )
  const plain = given.filter(({ setting, text = '' }) => !isSecret(setting) && !holdsPassword(text))
  const keys = fingerprint === undefined ? [] : given.filter(({ setting }) => setting.keep === true)
  const kept = keys.map(({ setting, text = '' }) => [setting.key, fingerprint?.(text) ?? ''] as const)
  return {
    values: Object.fromEntries(plain.map(({ setting, text = '' }) => [setting.key, text])),
    secrets: given.filter(({ setting }) => isSecret(setting)).map(({ setting }) => setting.key),
    ...(kept.length === 0 ? {} : { kept: Object.fromEntries(kept) }),
  }
}

/**
 * The settings that differ between two records, one line each: `TIMEZONE   'Europe/Paris' -> 'UTC'`. A secret is named
 * only when just one of them has it: whether two values of it are equal is not known.
 */
export function differingSettings(before: RecordedSettings, now: RecordedSettings): string[] {
  const keys = new Set([...Object.keys(before.values), ...Object.keys(now.values)])
  const plain = [...keys].flatMap((key) => {
    const [from, to] = [before.values[key], now.values[key]]
    return from === to ? [] : [`${key}   ${shown(from)} -> ${shown(to)}`]
  })
  const gone = before.secrets.filter((key) => !now.secrets.includes(key))
  const come = now.secrets.filter((key) => !before.secrets.includes(key))
  return [
    ...plain.toSorted(),
    ...gone.map((key) => `${key}, a secret   set -> not set`),
    ...come.map((key) => `${key}, a secret   not set -> set`),
  ]
}

const shown = (text: string | undefined): string =>
  text === undefined ? 'not set' : `'${shortened(text, 60)}'`

/** True when no file, variable, flag, answer or live Secret has a value; an empty text there is a value. */
export const isUnsaid = ({ origin }: Resolved): boolean =>
  origin === undefined || origin === 'default' || origin === 'generated'

/**
 * The settings of the last revision that this run has lost. A value that a file now has differently is a change, not a
 * loss.
 * @param resolve gives this run's settings with these further values; secrets as far as known, or to be generated. It
 *   is called again with the losses found, since whether a setting applies may depend on a lost one
 */
export function lostSettings(
  { values, secrets }: RecordedSettings,
  resolve: (more: RawValues) => readonly Resolved[],
): LostSetting[] {
  const found = new Map<string, LostSetting>()
  for (;;) {
    const more = Object.fromEntries(
      [...found].flatMap(([key, { before }]) => (before ? [[key, before]] : [])),
    )
    const news = resolve(more).filter((one) => {
      const { key } = one.setting
      if (found.has(key) || !isUnsaid(one)) return false
      if (isSecret(one.setting)) return secrets.includes(key) && one.origin === 'generated'
      return values[key] !== undefined && values[key] !== one.text
    })
    if (news.length === 0) return [...found.values()]
    for (const { setting, text } of news) {
      const secret = isSecret(setting)
      const [before, now] = secret ? [undefined, undefined] : [values[setting.key], text]
      found.set(setting.key, { setting, before, now })
    }
  }
}
