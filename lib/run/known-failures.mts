import { KitError } from '../base/errors.mts'
import type { KnownFailure } from '../kube/rollout/failure.mts'
import type { Inputs } from './inputs.mts'
import type { Module } from './module.mts'

/** Known failures of the module's containers; none while settings are missing: the failure itself is shown anyway. */
export function failuresOf<M extends Module>(module: M, inputs: Inputs<M>): readonly KnownFailure[] {
  try {
    return module.failures?.(inputs.current()) ?? []
  } catch (thrown) {
    if (thrown instanceof KitError) return []
    throw thrown
  }
}
