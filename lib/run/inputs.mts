import { onlyLooks, type Arguments } from './request.mts'
import { completeSettings, keepSettings } from '../settings/complete.mts'
import { savedSettings, variables } from '../settings/credentials.mts'
import { givenSettings } from '../settings/overrides.mts'
import { missingError } from '../settings/rules.mts'
import type { Module, SettingsOf } from './module.mts'
import { settingOfAnyModule } from './modules.mts'
import { interactive } from '../base/terminal.mts'
import {
  isUnsaid,
  lostSettings,
  recordOf,
  type LostSetting,
  type RecordedSettings,
} from '../settings/recorded.mts'
import {
  isSecret,
  missing,
  resolve,
  typed,
  type Resolved,
  type Sources,
  type RawValues,
} from '../settings/settings.mts'

/** The settings of one run. */
export interface Inputs<M extends Module> {
  /** The settings, typed. @throws KitError exit 2 listing what is missing */
  current(): SettingsOf<M>
  /** True when the environment's name must be typed before the first write. Read before anything is saved. */
  isProtected(): boolean
  /** What a revision keeps of the settings, see recordOf. */
  record(fingerprint?: (secret: string) => string): RecordedSettings
  /**
   * The settings of the last revision that this run has lost, see lostSettings; without those `restore` and `accept`
   * were called with.
   * @param live values of live Secrets, by key: a secret among them is adopted
   */
  lost(before: RecordedSettings, live: RawValues): LostSetting[]
  /** The text that a setting has now; undefined for none. */
  text(key: string): string | undefined
  /** Uses the values of the last revision again. They are saved by the next `ensure` or `keep`. */
  restore(lost: readonly LostSetting[]): void
  /** Continues without the values of the last revision. */
  accept(lost: readonly LostSetting[]): void
  /**
   * Completes, tries and saves the settings; under --plan they are only used.
   * @param live values of live Secrets, by key
   * @param hold runs before a file is changed: confirmation of a protected environment, lock
   * @param tryOut tries backends with answers that were typed
   * @param unproven keys of live values that no validated revision ran with
   * @param judge refuses complete settings before any is saved, by what the cluster has
   * @throws KitError exit 2, 5, 12, 130 or 143, see completeSettings and keepSettings, and what `hold` and `judge` throw
   */
  ensure(
    live: RawValues,
    hold: () => Promise<void>,
    tryOut?: (settings: SettingsOf<M>) => Promise<void>,
    unproven?: ReadonlySet<string>,
    judge?: (settings: SettingsOf<M>) => Promise<void>,
  ): Promise<void>
  /**
   * Saves values for settings without one; under --plan they are only used.
   * @param found text by setting key
   * @throws KitError exit 2 or 12, see keepSettings, and what `hold` throws
   */
  keep(found: RawValues, hold: () => Promise<void>): Promise<void>
}

/**
 * Reads --set and --answers, and opens the settings of a run.
 * @throws KitError exit 2 for an invalid --set or answers file; exit 130 or 143 on a signal while a pipe is read
 */
export async function openInputs<M extends Module>(
  module: M,
  env: string,
  options: Arguments,
): Promise<Inputs<M>> {
  const all = [...module.shared, ...module.settings]
  const fromRun = await givenSettings(all, options, settingOfAnyModule)
  let planned: readonly Resolved[] | undefined
  let settings: SettingsOf<M> | undefined
  const looking = onlyLooks(options)
  /** Values of the last revision that this run uses again. */
  let restored: RawValues = {}
  /** Answers that no file holds, see Setting.transient. */
  let transient: RawValues = {}
  /** Keys of lost settings that were decided about. */
  const decided = new Set<string>()
  /** Keys of settings that `ensure` saved although no source had given their value. */
  const unsaid = new Set<string>()
  const sources = (): Sources => ({
    env,
    overrides: { ...transient, ...restored, ...fromRun },
    saved: savedSettings(env, module),
    variables: variables(),
  })
  const readNow = (): readonly Resolved[] => planned ?? resolve(all, sources())
  const decide = (lost: readonly LostSetting[]): void => {
    for (const { setting } of lost) decided.add(setting.key)
  }
  return {
    current() {
      if (settings !== undefined) return settings
      const resolved = readNow()
      const absent = missing(resolved)
      if (absent.length > 0) throw missingError(env, module, absent)
      return (settings = typed(env, resolved) as SettingsOf<M>)
    },
    isProtected() {
      const protects = (from: Sources) =>
        resolve(all, from).some(({ setting, text }) => setting.key === 'PROTECTED' && text === 'true')
      // --set may only add protection: to remove it is a write that needs the confirmation.
      return protects({ ...sources(), overrides: {}, variables: {} }) || protects(sources())
    },
    text: (key) => readNow().find(({ setting }) => setting.key === key)?.text,
    record: (fingerprint) => recordOf(readNow(), fingerprint),
    lost(before, live) {
      const resolveWith = (more: RawValues) =>
        resolve(all, { ...sources(), saved: { ...sources().saved, ...more } }).map((one): Resolved => {
          const { key, generate } = one.setting
          if (more[key] !== undefined || (one.text !== undefined && !unsaid.has(key))) return one
          if (!isSecret(one.setting)) return { ...one, origin: 'default' }
          return live[key] === undefined && generate !== undefined ? { ...one, origin: 'generated' } : one
        })
      return lostSettings(before, resolveWith).filter(({ setting }) => !decided.has(setting.key))
    },
    restore(lost) {
      const values = lost.flatMap(({ setting, before }) =>
        before === undefined ? [] : [[setting.key, before]],
      )
      restored = { ...restored, ...(Object.fromEntries(values) as RawValues) }
      settings = undefined
      decide(lost)
    },
    accept: decide,
    async ensure(live, hold, tryOut, unproven, judge) {
      const resolved = await completeSettings({
        module,
        sources: sources(),
        live,
        ...(unproven === undefined ? {} : { unproven }),
        interactive: interactive(options.noInput) && !looking,
        tryOut: tryOut && ((answers) => tryOut(answers as SettingsOf<M>)),
      })
      await judge?.(typed(env, resolved) as SettingsOf<M>)
      settings = undefined
      for (const one of resolved) if (isUnsaid(one)) unsaid.add(one.setting.key)
      transient = transientOf(resolved)
      if (looking) planned = resolved
      else await keepSettings(env, module, resolved, hold)
    },
    async keep(found, hold) {
      const resolved = readNow().map((one): Resolved => {
        const text = found[one.setting.key]
        return one.text !== undefined || text === undefined ? one : { ...one, text, origin: 'adopted' }
      })
      settings = undefined
      for (const key of Object.keys(found)) unsaid.delete(key)
      if (looking) planned = resolved
      else await keepSettings(env, module, resolved, hold)
    },
  }
}

const transientOf = (resolved: readonly Resolved[]): RawValues =>
  Object.fromEntries(
    resolved.flatMap(({ setting, text }) =>
      setting.transient === true && text !== undefined ? [[setting.key, text]] : [],
    ),
  )
