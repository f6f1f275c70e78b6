import type { Arguments } from './request.mts'
import { savedSettings, variables } from './credentials.mts'
import { exitCodes, type ExitCode } from './errors.mts'
import { givenSettings } from './given.mts'
import { log, print } from './log.mts'
import type { Module, SettingsOf } from './module.mts'
import { settingOfAnyModule } from './modules.mts'
import { manifestYaml } from './plan.mts'
import { renderObjects } from './render.mts'
import { missing, resolve, typed } from './settings.mts'
import type { Step } from './step-data.mts'
import { chooseImages, readVersions } from './versions.mts'

/**
 * Prints every object a module would make, as YAML on stdout, asking no host and no cluster. Settings nobody
 * gave yet stand as <KEY>, images nobody named as <name>, generated values as ***.
 */
export async function planOffline<M extends Module>(
  module: M,
  steps: readonly Step<M>[],
  env: string,
  given: Arguments,
): Promise<ExitCode> {
  const all = [...module.shared, ...module.settings]
  const fromRun = await givenSettings(all, given, settingOfAnyModule)
  const resolved = resolve(all, {
    env,
    given: fromRun,
    saved: savedSettings(env, module),
    variables: variables(),
  })
  const absent = missing(resolved).filter(({ generate }) => generate === undefined)
  if (absent.length > 0) log.warn(`not set yet, shown as <KEY>: ${absent.map(({ key }) => key).join(', ')}`)
  const filled = resolved.map((one) =>
    one.text === undefined && one.setting.optional !== true ? { ...one, text: `<${one.setting.key}>` } : one,
  )
  const settings = typed(env, filled) as SettingsOf<M>
  const { versions } = readVersions(env)
  const unnamed = module.images.filter((name) => versions[name] === undefined)
  if (unnamed.length > 0) log.warn(`not in versions.json yet, shown as <name>: ${unnamed.join(', ')}`)
  const shown = Object.fromEntries(unnamed.map((name) => [name, { version: '', image: `<${name}>` }]))
  const { images } = chooseImages(module.images, { ...versions, ...shown }, {}, false)
  for (const manifest of await renderObjects(module, steps, settings, images))
    print(manifestYaml(manifest).trimEnd())
  return exitCodes.done
}
