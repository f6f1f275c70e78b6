import { log } from '../../lib/base/log.mts'
import { requireKv, requireRights, signIn, type Right } from '../../lib/backends/vault-admin.mts'
import { requireHealthy } from '../../lib/backends/vault-health.mts'
import { openVault, type Vault } from '../../lib/backends/vault.mts'
import { requireOwnMount } from './mount.mts'
import { accesses, checkPath, configPath } from './roles.mts'
import type { VaultSettings } from './settings.mts'

const made = ['create', 'read', 'update']

/** The rights in Vault that the set-up needs. */
export const rightsFor = (settings: VaultSettings): Right[] => {
  const { VAULT_AUTH_PATH: path } = settings
  return [
    { path: 'sys/auth', capabilities: ['read'] },
    { path: `sys/auth/${path}`, capabilities: ['create', 'sudo', 'update'] },
    { path: configPath(settings), capabilities: made },
    ...accesses(settings).flatMap(({ role, policy }) => [
      { path: `auth/${path}/role/${role}`, capabilities: made },
      { path: `sys/policies/acl/${policy}`, capabilities: made },
    ]),
    { path: checkPath(settings), capabilities: made },
  ]
}

/** A Vault that was checked before anything was written. */
export interface Proved {
  /** Without a token. */
  readonly vault: Vault
  /** With the token for the set-up; undefined when this run has none. */
  readonly admin: Vault | undefined
}

/**
 * Checks that Vault can work and, if there is a token for the set-up, that it has every right for it. Writes nothing.
 * @throws KitError exit 6 when Vault cannot be reached; exit 7 when its certificate is not trusted; exit 3 when it is
 *   sealed, not initialised, a replica for disaster recovery or not Vault, its clock differs, or the mount is not KV
 *   version 2; exit 5 when what is at the auth path is another's, see requireOwnMount; exit 8 when it refuses the token or AppRole, or the token expires, lacks a right or cannot see the mount
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
    await requireOwnMount(admin, settings)
  }
  const rights = admin === undefined ? 'no token for the set-up in this run' : 'the token may do the set-up'
  log.ok(`${vault.where} ${health.version}, ${health.state}; ${rights}`, started)
  return { vault, admin }
}
