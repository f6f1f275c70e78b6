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
  /** @throws KitError exit 2 listing what is missing */
  current(): SettingsOf<M>
  /** True when the first write of a run wants the environment's name typed. Asked before anything is saved. */
  isProtected(): boolean
  /**
   * Completes, tries and saves them; under --plan they are only used.
   * @param hold comes before a file is changed: the name of a protected environment, the lock
   */
  ensure(
    live: RawValues,
    hold: () => Promise<void>,
    tryOut?: (settings: SettingsOf<M>) => Promise<void>,
  ): Promise<void>
  /** Saves values a step found or made for settings that have none; under --plan they are only used. */
  keep(found: RawValues, hold: () => Promise<void>): Promise<void>
}

/** Reads what this run was given. @throws KitError exit 2 for what is invalid */
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
      // What a run was given may only add protection: taking it away is a write that wants the name.
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
