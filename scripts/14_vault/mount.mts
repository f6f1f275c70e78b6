import { findIn } from '../../lib/backends/vault-access.mts'
import type { Vault } from '../../lib/backends/vault.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { written } from '../../lib/base/written.mts'
import type { VaultSettings } from './settings.mts'

// What is at the auth path already. The kit configures nothing that is somebody else's.

/** What is at the auth path. */
export interface Mounted {
  readonly isEnabled: boolean
  /** Its configuration; undefined when it has none. */
  readonly config: Readonly<Record<string, unknown>> | undefined
}

type Place = Pick<VaultSettings, 'VAULT_AUTH_PATH' | 'VAULT_AUTH_METHOD'>

/**
 * Reads what is at the auth path.
 * @param issuer whose tokens the configuration must be for; not compared unless given
 * @throws KitError exit 5 for another auth method, or one that accepts the tokens of somebody else; exit 3, 6, 7 or 8, see
 *   findIn
 */
export async function requireOwnMount(
  admin: Vault,
  { VAULT_AUTH_PATH: path, VAULT_AUTH_METHOD: method }: Place,
  issuer?: string,
): Promise<Mounted> {
  const all = await findIn(admin, 'sys/auth')
  const found = all?.[`${path}/`]
  if (found === undefined) return { isEnabled: false, config: undefined }
  const { type } = (found ?? {}) as { type?: unknown }
  if (type !== method)
    throw taken(admin, path, method, `is of type ${shown(type) || 'unknown'}, not ${method}`)
  const config = await findIn(admin, `auth/${path}/config`)
  const owner = method === 'jwt' && config !== undefined ? otherOwner(config, issuer) : undefined
  if (owner !== undefined) throw taken(admin, path, method, owner)
  return { isEnabled: true, config }
}

const shown = (value: unknown): string => (typeof value === 'string' ? shortened(value, 120) : '')

/** Whose tokens a configuration of the method jwt accepts, when they are not this cluster's. */
function otherOwner(
  config: Readonly<Record<string, unknown>>,
  issuer: string | undefined,
): string | undefined {
  const pairs = Array.isArray(config['jwks_pairs']) ? config['jwks_pairs'].length : 0
  const url = shown(config['oidc_discovery_url']) || shown(config['jwks_url'])
  if (url !== '' || pairs > 0) return `takes its keys from ${url || 'several addresses'}`
  const bound = shown(config['bound_issuer'])
  return issuer === undefined || bound === '' || bound === issuer ? undefined : `is for the issuer ${bound}`
}

const taken = ({ where }: Vault, path: string, method: string, what: string): KitError =>
  new KitError(`the auth method at ${path} of ${where} ${what}`, {
    exitCode: exitCodes.conflict,
    details: [`The kit changes no auth method that others use. ${written()}`],
    hint: `set VAULT_AUTH_PATH to another word, such as ${method}-keybuzz`,
  })
