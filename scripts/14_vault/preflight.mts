import { log } from '../../lib/base/log.mts'
import { requireKv, requireRights, signIn, type Right } from './api/admin.mts'
import { requireHealthy } from './api/health.mts'
import { openVault, type Vault } from './api/vault.mts'
import { accesses, checkPath } from './roles.mts'
import type { VaultSettings } from './settings.mts'

const made = ['create', 'read', 'update']

/** Everything the set-up needs to be allowed. */
export const rightsFor = (settings: VaultSettings): Right[] => {
  const { VAULT_AUTH_PATH: path } = settings
  return [
    { path: 'sys/auth', capabilities: ['read'] },
    { path: `sys/auth/${path}`, capabilities: ['create', 'sudo', 'update'] },
    { path: `auth/${path}/config`, capabilities: made },
    ...accesses(settings).flatMap(({ role, policy }) => [
      { path: `auth/${path}/role/${role}`, capabilities: made },
      { path: `sys/policies/acl/${policy}`, capabilities: made },
    ]),
    { path: checkPath(settings), capabilities: made },
  ]
}

/** Vault, asked before anything is written. */
export interface Proved {
  /** Asked without a token. */
  readonly vault: Vault
  /** Asked with the token for the set-up; undefined when this run has none. */
  readonly admin: Vault | undefined
}

/**
 * Proves that Vault can work and, with a token for the set-up, that it may do all of it. Writes nothing.
 * @throws KitError exit 6 unreachable; 7 foreign CA; 3 sealed, not initialised, no Vault, clocks apart, KV version 1;
 *   8 a token that has ended, or lacks a right
 */
export async function proveVault(settings: VaultSettings): Promise<Proved> {
  const started = performance.now()
  const vault = openVault(settings)
  const { health, warning } = await requireHealthy(vault)
  if (warning !== undefined)
    log.warn(warning, 'set VAULT_ADDR to the active server, or to a load balancer that knows it')
  const admin = await signIn(vault, settings)
  if (admin !== undefined) {
    await requireKv(admin, settings.VAULT_KV_MOUNT)
    await requireRights(admin, rightsFor(settings))
  }
  const rights = admin === undefined ? 'no token for the set-up in this run' : 'the token may do the set-up'
  log.ok(`${vault.where} ${health.version}, ${health.state}; ${rights}`, started)
  return { vault, admin }
}
