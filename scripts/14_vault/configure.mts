import { randomBytes } from 'node:crypto'
import { accessWrites, findIn, vaultWrite, type VaultWrite } from '../../lib/backends/vault-access.mts'
import type { Vault } from '../../lib/backends/vault.mts'
import type { AuthConfig } from './auth-config.mts'
import { requireOwnMount } from './mount.mts'
import { accesses, checkPath } from './roles.mts'
import type { VaultSettings } from './settings.mts'

// What the kit configures in Vault. It is compared first: a second run writes nothing. Each write goes through Writes.

/**
 * The writes that Vault still needs; none when its configuration is complete.
 * @param wanted the configuration of the auth method
 * @param works whether a login by the role of the checks works: only that shows whether Vault has the current token of
 *   the reviewer
 * @throws KitError exit 5 when what is at the auth path is another's, see requireOwnMount; exit 3, 6, 7 or 8, see findIn
 */
export async function writesFor(
  admin: Vault,
  settings: VaultSettings,
  wanted: AuthConfig,
  works: boolean,
): Promise<VaultWrite[]> {
  const { VAULT_AUTH_PATH: path, VAULT_AUTH_METHOD: method } = settings
  const { isEnabled, config } = await requireOwnMount(admin, settings, wanted.issuer)
  const own = await Promise.all(accesses(settings).map((access) => accessWrites(admin, access, isEnabled)))
  return [
    ...(isEnabled
      ? []
      : [vaultWrite('+', `auth method ${method} at ${path}`, `sys/auth/${path}`, { type: method })]),
    ...configWrite(path, wanted, config, works),
    ...own.flat(),
    ...(await valueOf(admin, settings)),
  ]
}

/** The write of the configuration, with what Vault lacks of it. */
function configWrite(
  path: string,
  { what, body, lacking }: AuthConfig,
  live: Readonly<Record<string, unknown>> | undefined,
  works: boolean,
): VaultWrite[] {
  const lines = live === undefined ? [] : lacking(live)
  if (live !== undefined && works && lines.length === 0) return []
  const write = vaultWrite(
    live === undefined ? '+' : '~',
    `configuration of ${path}: ${what}`,
    `auth/${path}/config`,
    body,
  )
  return [lines.length === 0 ? write : { ...write, change: { ...write.change, fields: lines } }]
}

/** The write for the value of the checks, which is created once. It is random and gives access to nothing. */
async function valueOf(admin: Vault, settings: VaultSettings): Promise<VaultWrite[]> {
  const path = checkPath(settings)
  const there = await findIn(admin, path)
  return there?.['data'] !== undefined && there['data'] !== null
    ? []
    : [vaultWrite('+', `value ${path}`, path, { data: { value: randomBytes(18).toString('hex') } })]
}
