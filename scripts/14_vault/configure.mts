import { randomBytes } from 'node:crypto'
import { accessWrites, findIn, holds, vaultWrite, type VaultWrite } from '../../lib/backends/vault-access.mts'
import type { Vault } from '../../lib/backends/vault.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { written } from '../../lib/base/written.mts'
import type { Reviewer } from './review.mts'
import { accesses, checkPath } from './roles.mts'
import type { VaultSettings } from './settings.mts'

// What the kit configures in Vault. It is compared first: a second run writes nothing. Each write goes through Writes.

/** The configuration of the auth method: always complete, because Vault clears a field that is left out. */
const configOf = ({ host, ca, token }: Reviewer) => ({
  kubernetes_host: host,
  kubernetes_ca_cert: ca,
  token_reviewer_jwt: token.reveal(),
  // Otherwise Vault would read the token and CA files of a pod, which its machine does not have.
  disable_local_ca_jwt: true,
})

/**
 * The writes that Vault still needs; none when its configuration is complete.
 * @param works whether a login by the role of the checks works: only that shows whether Vault has the current token
 * @throws KitError exit 5 when another auth method is enabled at the auth path; exit 3, 6, 7 or 8, see findIn
 */
export async function writesFor(
  admin: Vault,
  settings: VaultSettings,
  reviewer: Reviewer,
  works: boolean,
): Promise<VaultWrite[]> {
  const { VAULT_AUTH_PATH: path } = settings
  const isEnabled = await hasAuth(admin, path)
  const config = isEnabled ? await findIn(admin, `auth/${path}/config`) : undefined
  const { token_reviewer_jwt: _hidden, ...wanted } = configOf(reviewer)
  const isConfigured =
    works && config !== undefined && config['token_reviewer_jwt_set'] !== false && holds(config, wanted)
  const own = await Promise.all(
    accesses(settings).map((access) => accessWrites(admin, path, access, isEnabled)),
  )
  return [
    ...(isEnabled
      ? []
      : [vaultWrite('+', `auth method kubernetes at ${path}`, `sys/auth/${path}`, { type: 'kubernetes' })]),
    ...(isConfigured
      ? []
      : [
          vaultWrite(
            config === undefined ? '+' : '~',
            `configuration of ${path}: API server ${reviewer.host}`,
            `auth/${path}/config`,
            configOf(reviewer),
          ),
        ]),
    ...own.flat(),
    ...(await valueOf(admin, settings)),
  ]
}

/** True when the auth method kubernetes is enabled at a path. @throws KitError exit 5 for another method; see findIn */
async function hasAuth(admin: Vault, path: string): Promise<boolean> {
  const all = await findIn(admin, 'sys/auth')
  const found = all?.[`${path}/`]
  if (found === undefined) return false
  const { type } = (found ?? {}) as { type?: unknown }
  if (type === 'kubernetes') return true
  const other = typeof type === 'string' ? shortened(type, 40) : 'unknown'
  throw new KitError(`the auth method at ${path} of ${admin.where} is of type ${other}, not kubernetes`, {
    exitCode: exitCodes.conflict,
    details: [written()],
    hint: 'set VAULT_AUTH_PATH to another word, such as kubernetes-keybuzz',
  })
}

/** The write for the value of the checks, which is created once. It is random and gives access to nothing. */
async function valueOf(admin: Vault, settings: VaultSettings): Promise<VaultWrite[]> {
  const path = checkPath(settings)
  const there = await findIn(admin, path)
  return there?.['data'] !== undefined && there['data'] !== null
    ? []
    : [vaultWrite('+', `value ${path}`, path, { data: { value: randomBytes(18).toString('hex') } })]
}
