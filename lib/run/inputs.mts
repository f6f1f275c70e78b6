import { onlyLooks, type Arguments } from './request.mts'
import { completeSettings, keepSettings } from '../settings/complete.mts'
import { savedSettings, variables } from '../settings/credentials.mts'
import { givenSettings } from '../settings/overrides.mts'
import { missingError } from '../settings/rules.mts'
import type { Module, SettingsOf } from './module.mts'
import { settingOfAnyModule } from './modules.mts'
import { interactive } from '../base/terminal.mts'
import {
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
  /**
   * Completes, tries and saves the settings; under --plan they are only used.
   * @param live values of live Secrets, by key
   * @param hold runs before a file is changed: confirmation of a protected environment, lock
   * @param tryOut tries backends with answers that were typed
   * @throws KitError exit 2, 5, 12 or 130, see completeSettings and keepSettings, and what `hold` throws
   */
  ensure(
    live: RawValues,
    hold: () => Promise<void>,
    tryOut?: (settings: SettingsOf<M>) => Promise<void>,
  ): Promise<void>
  /**
   * Saves values for settings without one; under --plan they are only used.
   * @param found text by setting key
   * @throws KitError exit 2 or 12, see keepSettings, and what `hold` throws
   */
  keep(found: RawValues, hold: () => Promise<void>): Promise<void>
}

/** Reads --set and --answers, and opens the settings of a run. @throws KitError exit 2 for what is invalid */
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
  const sources = (): Sources => ({
    env,
    overrides: fromRun,
    saved: savedSettings(env, module),
    variables: variables(),
  })
  const readNow = (): readonly Resolved[] => planned ?? resolve(all, sources())
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
    async ensure(live, hold, tryOut) {
      const resolved = await completeSettings({
        module,
        sources: sources(),
        live,
        interactive: interactive(options.noInput) && !looking,
        tryOut: tryOut && ((answers) => tryOut(answers as SettingsOf<M>)),
      })
      settings = undefined
      if (looking) planned = resolved
      else await keepSettings(env, module, resolved, hold)
    },
    async keep(found, hold) {
      const resolved = readNow().map((one): Resolved => {
        const text = found[one.setting.key]
        return one.text !== undefined || text === undefined ? one : { ...one, text, origin: 'adopted' }
      })
      settings = undefined
      if (looking) planned = resolved
      else await keepSettings(env, module, resolved, hold)
    },
  }
}
