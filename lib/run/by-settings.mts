import { KitError } from '../base/errors.mts'
import type { KnownFailure } from '../kube/rollout/failure.mts'
import type { Inputs } from './inputs.mts'
import type { Module, SettingsOf } from './module.mts'

// What a module says of its settings, where they may be incomplete: a run may have to say something without them.

/** Known failures of the module's containers; none while settings are missing: the failure itself is shown anyway. */
export const failuresOf = <M extends Module>(module: M, inputs: Inputs<M>): readonly KnownFailure[] =>
  bySettings(inputs, (settings) => module.failures?.(settings)) ?? []

/** Names in versions.json of the images that these settings install; all of them while settings are missing. */
export function imagesInUse<M extends Module>(module: M, inputs: Inputs<M>): readonly string[] {
  const unused = bySettings(inputs, (settings) => module.unusedImages?.(settings)) ?? []
  return module.images.filter((name) => !unused.includes(name))
}

function bySettings<M extends Module, T>(
  inputs: Inputs<M>,
  tell: (settings: SettingsOf<M>) => T,
): T | undefined {
  try {
    return tell(inputs.current())
  } catch (thrown) {
    if (thrown instanceof KitError) return undefined
    throw thrown
  }
}
