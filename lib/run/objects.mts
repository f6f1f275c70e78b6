import type { Manifest } from '../kube/types.mts'
import { folderOf } from '../base/names.mts'
import { owned } from '../kube/apply/ownership.mts'
import type { Module, SettingsOf } from './module.mts'
import { policiesBySteps, withPolicies, type PolicyChoice } from './policies.mts'
import type { Step } from './step.mts'
import type { Versions } from '../settings/versions.mts'

/** The inputs for the objects of a module; `images` are references by their name in versions.json. */
export interface Making<M extends Module> {
  readonly settings: SettingsOf<M>
  readonly images: Readonly<Record<string, string>>
  readonly versions: Versions
  /** Whether its NetworkPolicies are among the objects; without it they are not. */
  readonly policies?: PolicyChoice
}

/**
 * The objects a module declares for some of its steps, each with its owner's labels, in the order of the steps. Pure:
 * no host and no cluster is contacted.
 */
export function objectsOf<M extends Module>(
  module: M,
  steps: readonly Pick<Step<M>, 'id'>[],
  { settings, images, versions, policies = { off: 'not asked for' } }: Making<M>,
): Manifest[] {
  const declared = module.objects(settings, images, versions)
  const added = 'off' in policies ? {} : policiesBySteps(module, settings, declared, policies)
  return steps.flatMap(({ id }) =>
    withPolicies(declared[id] ?? [], added[id]).map((one) =>
      owned(one, { module: folderOf(module), step: id, env: settings.ENV }),
    ),
  )
}
