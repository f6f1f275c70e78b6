import type { Context } from './context.mts'
import type { Manifest } from '../kube/types.mts'
import { folderOf } from '../base/names.mts'
import type { Module, SettingsOf } from './module.mts'
import { owned } from '../kube/apply/ownership.mts'
import type { Step } from './step.mts'
import { readVersions } from '../settings/versions.mts'

/** The objects a module's steps would apply with these settings, in order. No host and no cluster is asked. */
export async function renderObjects<M extends Module>(
  module: M,
  steps: readonly Step<M>[],
  settings: SettingsOf<M>,
  images: Readonly<Record<string, string>>,
): Promise<Manifest[]> {
  const rendered: Manifest[] = []
  for (const { id, run } of steps) {
    const owner = { module: folderOf(module), step: id, env: settings.ENV }
    const collect = (batch: readonly Manifest[]) => rendered.push(...batch.map((one) => owned(one, owner)))
    await run(renderingContext<M>(settings, images, collect)).catch((thrown: unknown) => {
      if (!(thrown instanceof AsksWorld)) throw thrown
    })
  }
  return rendered
}

/** What a step makes after it has asked a host or the cluster depends on the answer. */
class AsksWorld extends Error {}

/** A context whose only effect is to collect what would be applied. */
function renderingContext<M extends Module>(
  settings: SettingsOf<M>,
  images: Readonly<Record<string, string>>,
  collect: (manifests: readonly Manifest[]) => void,
): Context<M> {
  const nothing = () => Promise.resolve()
  const unknown = () => Promise.reject(new AsksWorld())
  const context = {
    settings,
    images,
    versions: readVersions(settings.ENV).versions,
    credentials: { ensure: nothing },
    until: nothing,
    hosts: unknown,
    pulls: { require: nothing },
    kube: {
      list: unknown,
      get: unknown,
      raw: unknown,
      waitForRollout: nothing,
      ensureJob: (job: Manifest) => Promise.resolve(collect([job])),
      apply: (manifests: readonly Manifest[]) => Promise.resolve(collect(manifests)),
    },
    postgres: { tryOut: nothing, ensureDatabase: nothing },
    redis: { tryOut: nothing, require: nothing },
    rabbitmq: { require: nothing },
    s3: { require: nothing },
    tests: { run: nothing },
  }
  return context as unknown as Context<M>
}
