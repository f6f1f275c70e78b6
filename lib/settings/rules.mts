import { fileOf } from './credentials.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { headingOf, folderOf } from '../base/names.mts'
import {
  type Declares,
  contradicting,
  viewOf,
  isSecret,
  problemWith,
  typed,
  type Resolved,
  type Setting,
  type Sources,
  type RawValues,
} from './settings.mts'
import { written } from '../base/written.mts'

// Rules for settings from any source: file, variable, option or question.

/** What the settings of a run are checked against. */
export interface Judged {
  readonly module: Declares
  readonly sources: Sources
  /** Values of the module's live Secrets, by setting key. */
  readonly live: RawValues
  /** Keys of live values that no validated revision ran with: no data depends on what a failed start generated. */
  readonly unproven?: ReadonlySet<string>
}

/** Requires that variables only fill gaps. @throws KitError exit 2 when a KEYBUZZ_ variable and a saved value differ */
export function requireNoContradiction({ module, sources }: Judged, settings: readonly Setting[]): void {
  const [first] = contradicting(settings, sources)
  if (first === undefined) return
  const file = fileOf(sources.env, module, first)
  throw new KitError(`KEYBUZZ_${first.key} contradicts the value saved in ${file}`, {
    exitCode: exitCodes.usage,
    details: [`A variable only fills a gap; it never changes what is saved. ${written()}`],
    hint: `unset KEYBUZZ_${first.key}, or change ${file}`,
  })
}

/**
 * Requires that each secret is the one the cluster runs with: another one would lock the application out, or make its
 * data unreadable. A key with `keep` may replace a live one that no validated revision ran with; a warning says so.
 * @throws KitError exit 5 when one differs, unless it is of kind `file`, or was given in this run and has no `keep`
 */
export function requireLive(
  { module, sources, live, unproven }: Judged,
  resolved: readonly Resolved[],
): void {
  for (const one of resolved) {
    const { setting, text, origin } = one
    const running = live[setting.key]
    if (running === undefined || text === running) continue
    // Settings of kind file are edited by hand: that is how an operator changes them.
    if (setting.kind === 'file') continue
    if (origin === 'override' && setting.keep !== true) continue
    if (setting.keep === true && unproven?.has(setting.key) === true) {
      warnOfUnproven(setting.key, fileOf(sources.env, module, setting))
      continue
    }
    throw notLive(sources.env, module, one)
  }
}

/** Where a value comes from, and how it is taken out there. */
function placeOf(
  env: string,
  module: Declares,
  { setting, origin }: Resolved,
): { readonly place: string; readonly removal: string } {
  const { key } = setting
  const file = fileOf(env, module, setting)
  if (origin === 'variable') return { place: `the variable KEYBUZZ_${key}`, removal: `unset KEYBUZZ_${key}` }
  // --set takes no secret.
  if (origin === 'override' && isSecret(setting))
    return { place: 'the answers file', removal: `take the line ${key} out of the answers file` }
  if (origin === 'override') return { place: '--set or the answers file', removal: `leave out --set ${key}` }
  return { place: file, removal: `take the line ${key} out of ${file}` }
}

function notLive(env: string, module: Declares, one: Resolved): KitError {
  const { setting } = one
  const { place, removal } = placeOf(env, module, one)
  return new KitError(`${setting.key} is not the value the cluster runs with`, {
    exitCode: exitCodes.conflict,
    details: [
      `Another one is in ${place}. ${written()}`,
      ...(setting.keep === true ? ['It can never be replaced: what it encrypted would be lost.'] : []),
    ],
    hint:
      setting.keep === true
        ? `${removal}: the next run adopts the live value`
        : `${removal} to keep the live value, or give the new one in this run: --answers FILE`,
  })
}

const warnOfUnproven = (key: string, file: string): void =>
  log.warn(
    `${key} differs from the live one, which no validated revision ran with: the value given for ${file} is used`,
    `make sure that it is the key your data was written with: compare ${file} with your backup`,
  )

/**
 * Validates the text of each setting.
 * @param how `together`: also by the module's rules for several settings, once each of them alone is valid
 * @throws KitError exit 2 listing everything that is invalid
 */
export function requireValid(
  { module, sources }: Judged,
  resolved: readonly Resolved[],
  how: 'each' | 'together',
): void {
  const view = viewOf(sources.env, resolved)
  const problems = resolved.flatMap((one) => {
    const { setting, text } = one
    const problem = text === undefined ? undefined : problemWith(setting, text, view)
    const shownValue = isSecret(setting) ? '' : ` "${text}"`
    return problem === undefined
      ? []
      : [`${setting.key}${shownValue} ${problem}   (${placeOf(sources.env, module, one).place})`]
  })
  if (how === 'together' && problems.length === 0) {
    problems.push(...(module.validate?.(typed(sources.env, resolved)) ?? []))
  }
  if (problems.length === 0) return
  throw new KitError(`${problems.length} settings of ${headingOf(module)} are invalid`, {
    exitCode: exitCodes.usage,
    details: [...problems, written()],
    hint: 'correct them there, then run the same command again',
  })
}

const isPlain = (setting: Setting): boolean => setting.default === undefined

/** The error (exit 2) that lists all missing settings, with each way to give them. */
export function missingError(env: string, module: Declares, all: readonly Setting[]): KitError {
  // A setting whose default is built from other missing settings is not listed.
  const settings = all.some(isPlain) ? all.filter(isPlain) : all
  const width = Math.max(...settings.map(({ key }) => key.length)) + 2
  const lines = settings.map((setting) => {
    const bySet = isSecret(setting) ? '(secret: not by --set)' : `--set ${setting.key}=...`
    const ways = `${fileOf(env, module, setting)}, KEYBUZZ_${setting.key}, ${bySet}`
    return `${setting.key.padEnd(width)}${setting.title.padEnd(34)}${ways}`
  })
  const folder = folderOf(module)
  return new KitError(`${settings.length} settings are missing for ${headingOf(module)} (${env})`, {
    exitCode: exitCodes.usage,
    details: lines,
    hint: settings.every(({ kind }) => kind === 'file')
      ? 'lay these files there, mode 0600, then run the same command again'
      : `give them, or run on a terminal and answer: scripts/${folder}/${folder}_00_setup_credentials.mts --env ${env}`,
  })
}
