import type { Arguments } from './arguments.mts'
import type { Context } from './context.mts'
import { savedSettings, variables } from './credentials.mts'
import { exitCodes, type ExitCode } from './errors.mts'
import { givenSettings } from './given.mts'
import type { Manifest } from './k8s.mts'
import { log, print } from './log.mts'
import { folderOf, type Module, type SettingsOf } from './module.mts'
import { owned } from './ownership.mts'
import { manifestYaml } from './plan.mts'
import { missing, resolve, typed } from './settings.mts'
import type { Step } from './step.mts'
import { chooseImages, readVersions } from './versions.mts'

/**
 * Prints every object a module would make, as YAML on stdout, asking no host and no cluster. Settings nobody
 * gave yet stand as <KEY>, generated ones as ***.
 */
export async function planOffline<M extends Module>(
  module: M,
  steps: readonly Step<M>[],
  env: string,
  given: Arguments,
): Promise<ExitCode> {
  const all = [...module.shared, ...module.settings]
  const fromRun = await givenSettings(all, given)
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
  const { images } = chooseImages(module.images, readVersions(env).versions, {}, false)
  for (const step of steps) {
    await step.run(
      printingContext(settings, images, (manifest) =>
        owned(manifest, { module: folderOf(module), step: step.id, env }),
      ),
    )
  }
  return exitCodes.done
}

/** A context whose only effect is to print what would be applied. */
function printingContext<M extends Module>(
  settings: SettingsOf<M>,
  images: Readonly<Record<string, string>>,
  label: (manifest: Manifest) => Manifest,
): Context<M> {
  const nothing = () => Promise.resolve()
  const unknown = () => Promise.reject(new Error('an offline plan asks no server'))
  const reader = { list: unknown, get: unknown, raw: unknown }
  const context = {
    settings,
    images,
    credentials: { ensure: nothing },
    kube: {
      ...reader,
      apply(manifests: readonly Manifest[]) {
        for (const manifest of manifests) print(manifestYaml(label(manifest)).trimEnd())
        return Promise.resolve()
      },
      waitForRollout: nothing,
    },
    postgres: { ensureDatabase: nothing },
    redis: { require: nothing },
    tests: { run: nothing },
  }
  return context as unknown as Context<M>
}
