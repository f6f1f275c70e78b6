import { namesOf } from '../base/names.mts'
import type { Kept } from '../backends/vault-keeping.mts'
import type { SecretValues } from '../backends/vault-values.mts'
import { placeIn } from '../kube/manifests/delivery.mts'
import type { VaultConnection } from '../settings/platform-vault.mts'
import type { Module } from './module.mts'
import type { Session } from './session.mts'

// The secret values of a module, and their place in Vault. Pure.

/** The service account of a module's pods: its slug. */
export const accountOf = ({ slug }: Pick<Module, 'slug'>): string => slug

/** What a module keeps, or kept, in Vault; undefined while no address of Vault is set. */
export function keptOf<M extends Module>({
  module,
  env,
  inputs,
}: Pick<Session<M>, 'module' | 'env' | 'inputs'>): Kept | undefined {
  const settings = inputs.current()
  const connection = settings as unknown as VaultConnection
  if ((connection.VAULT_ADDR as string | undefined) === undefined) return undefined
  return {
    settings: connection,
    place: placeIn(connection, namesOf(module).namespace(env), accountOf(module)),
    values: valuesOf(module, settings),
    never: neverReplaced(module),
    name: module.slug,
  }
}

/** The keys of a module's settings that nothing may replace. */
export const neverReplaced = ({ settings }: Module): string[] =>
  settings.filter(({ keep }) => keep === true).map(({ key }) => key)

/** The values of a module, without those that are not set. */
export const valuesOf = (
  module: Module,
  settings: Parameters<NonNullable<Module['secrets']>>[0],
): SecretValues =>
  Object.fromEntries(
    Object.entries(module.secrets?.(settings) ?? {}).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    ),
  )
