import type { Arguments } from '../run/request.mts'
import { savedSettings, variables } from '../settings/credentials.mts'
import { exitCodes, type ExitCode } from '../base/errors.mts'
import { givenSettings } from '../settings/overrides.mts'
import { log, print } from '../base/log.mts'
import type { Module, SettingsOf } from '../run/module.mts'
import { settingOfAnyModule } from '../run/modules.mts'
import { keyed } from '../kube/apply/keyed.mts'
import { manifestYaml } from '../kube/apply/plan-text.mts'
import { objectsOf } from '../run/objects.mts'
import { missing, resolve, typed } from '../settings/settings.mts'
import type { Step } from '../run/step.mts'
import { chooseImages, readVersions, type Versions } from '../settings/versions.mts'

/**
 * Prints every object a module would create, as YAML on stdout, without contacting a host or a cluster. A missing
 * setting is shown as <KEY>, a missing image as <name>, a generated value as ***.
 * @returns exit code 0
 * @throws KitError exit 2 for invalid settings or versions.json
 */
export async function planOffline<M extends Module>(
  module: M,
  steps: readonly Step<M>[],
  env: string,
  options: Arguments,
): Promise<ExitCode> {
  const all = [...module.shared, ...module.settings]
  const fromRun = await givenSettings(all, options, settingOfAnyModule)
  const resolved = resolve(all, {
    env,
    overrides: fromRun,
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
  if (module.machines !== undefined) tellMissing(versions)
  const unnamed = module.images.filter((name) => versions[name] === undefined)
  if (unnamed.length > 0) log.warn(`not in versions.json yet, shown as <name>: ${unnamed.join(', ')}`)
  const shown = Object.fromEntries(unnamed.map((name) => [name, { version: '', image: `<${name}>` }]))
  const { images } = chooseImages(module.images, { ...versions, ...shown }, {}, false)
  if (module.flows !== undefined)
    log.warn('NetworkPolicies are not shown: the nodes of the cluster, and whether it enforces them, decide')
  for (const line of module.notShown?.(settings) ?? []) log.warn(line)
  for (const manifest of objectsOf(module, steps, { settings, images, versions }))
    print(manifestYaml(keyed(manifest, undefined)).trimEnd())
  return exitCodes.done
}

/** Warns of each file for the hosts that is not on this machine: an install would fetch it. */
export function tellMissing(versions: Versions): void {
  for (const [name, { version, file, places = [] }] of Object.entries(versions))
    if (file === undefined && places.length > 0)
      log.warn(
        `${name} ${version} is not on this machine: an install fetches it`,
        `where that cannot be, put it there by hand, with its list of checksums: ${places.join(' or ')}`,
      )
}
