import type { Manifest } from '../kube/types.mts'
import { folderOf } from '../base/names.mts'
import { owned } from '../kube/apply/ownership.mts'
import type { Module, SettingsOf } from './module.mts'
import type { Step } from './step.mts'
import type { Versions } from '../settings/versions.mts'

/** The inputs for the objects of a module; `images` are references by their name in versions.json. */
export interface Making<M extends Module> {
  readonly settings: SettingsOf<M>
  readonly images: Readonly<Record<string, string>>
  readonly versions: Versions
}

/**
 * The objects a module declares for some of its steps, each with its owner's labels, in the order of the steps. Pure:
 * no host and no cluster is contacted.
 */
export function objectsOf<M extends Module>(
  module: M,
  steps: readonly Pick<Step<M>, 'id'>[],
  { settings, images, versions }: Making<M>,
): Manifest[] {
  const declared = module.objects(settings, images, versions)
  return steps.flatMap(({ id }) =>
    (declared[id] ?? []).map((one) => owned(one, { module: folderOf(module), step: id, env: settings.ENV })),
  )
}
