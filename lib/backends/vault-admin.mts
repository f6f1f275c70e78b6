import { exitCodes, KitError } from '../base/errors.mts'
import { fields, listOf, mapOf, optionalOrNull, text, wholeNumber } from '../base/shape.mts'
import { written } from '../base/written.mts'
import type { VaultConnection } from '../settings/platform-vault.mts'
import { isUnable, readReply, tokenIn, unable, type Vault } from './vault.mts'

// The login for the set-up, and whether its token has every right that the set-up needs.

/** Seconds for which a token must still be valid: the longest time a set-up takes. */
const leastSeconds = 120

const lookup = fields({ data: fields({ ttl: wholeNumber, expire_time: optionalOrNull(text) }) })

/**
 * Logs in with the token or AppRole of these settings.
 * @returns undefined when they have neither
 * @throws KitError exit 8 when Vault refuses the login, or the token is invalid or expires within 120 s; exit 3, see
 *   readReply and unable; exit 6 or 7, see send
 */
export async function signIn(vault: Vault, settings: VaultConnection): Promise<Vault | undefined> {
  const { VAULT_TOKEN: token, VAULT_ROLE_ID: role, VAULT_SECRET_ID: secret } = settings
  if (token === undefined && (role === undefined || secret === undefined)) return undefined
  const admin = token === undefined ? await byAppRole() : vault.with(token)
  const reply = await admin.ask('GET', 'auth/token/lookup-self')
  if (isUnable(reply)) throw unable(vault, 'to show the token for the set-up', reply)
  if (reply.status !== 200)
    throw denied(vault, `does not take the token for the set-up: ${reply.status} ${reply.words}`, [
      'It has ended, was revoked, or is of another Vault or namespace.',
    ])
  const { ttl, expire_time: end } = readReply(vault, 'the state of the token', lookup, reply).data
  // A root token does not expire: its ttl is 0.
  if (end !== undefined && ttl < leastSeconds)
    throw denied(vault, `takes the token for the set-up only until ${end}, ${ttl} s from now`, [])
  return admin

  async function byAppRole(): Promise<Vault> {
    const body = { role_id: role?.reveal(), secret_id: secret?.reveal() }
    const answer = await vault.ask('POST', 'auth/approle/login', body)
    if (answer.status === 200) return vault.with(tokenIn(vault, answer))
    if (isUnable(answer)) throw unable(vault, 'to log in by AppRole', answer)
    throw denied(vault, `does not take the AppRole for the set-up: ${answer.status} ${answer.words}`, [
      'The secret id may be used up, or ended; or AppRole is not enabled at approle.',
    ])
  }
}

const denied = ({ where }: Vault, what: string, details: string[]): KitError =>
  new KitError(`${where} ${what}`, {
    exitCode: exitCodes.denied,
    details: [...details, written()],
    hint: 'make a token for one hour: vault token create -policy=keybuzz-setup -ttl=1h; then give it in the variable KEYBUZZ_VAULT_TOKEN',
  })

/** The capabilities that the set-up needs on one path. */
export interface Right {
  readonly path: string
  readonly capabilities: readonly string[]
}

const capabilities = mapOf(listOf(text))

/** Where a token reads its own capabilities: the policy `default` allows it. */
const ownRights = 'sys/capabilities-self'

/**
 * Requires every right, by the capabilities that Vault lists for this token: no request of the set-up is tried.
 * @throws KitError exit 8 with each path and what is missing on it; exit 3, see readReply and unable; exit 6 or 7, see
 *   send
 */
export async function requireRights(admin: Vault, rights: readonly Right[]): Promise<void> {
  const paths = rights.map(({ path }) => path)
  const reply = await admin.ask('POST', ownRights, { paths })
  if (isUnable(reply)) throw unable(admin, 'to list the rights of the token', reply)
  if (reply.status !== 200) throw lacks(admin, [`${ownRights}: update (${reply.status} ${reply.words})`])
  const granted = readReply(admin, 'the rights of the token', fields({ data: capabilities }), reply).data
  const missing = rights.flatMap(({ path, capabilities: wanted }) => {
    const there = granted[path] ?? []
    const absent = there.includes('root') ? [] : wanted.filter((one) => !there.includes(one))
    return absent.length === 0 ? [] : [`${path}: ${absent.join(', ')}`]
  })
  if (missing.length > 0) throw lacks(admin, missing)
}

const lacks = ({ where }: Vault, missing: readonly string[]): KitError =>
  new KitError(`the token for the set-up lacks rights in ${where}`, {
    exitCode: exitCodes.denied,
    details: [...missing, written()],
    hint: 'add these capabilities to its policy; README of this module, "Rights", has the whole policy',
  })

const mountShape = fields({
  data: fields({ type: text, options: optionalOrNull(mapOf(text)) }),
})

/**
 * Requires that the mount is a KV engine of version 2.
 * @throws KitError exit 3 when it is another engine or version 1, or see readReply and unable; exit 8 when it does not exist or
 *   the token may not see it; exit 6 or 7, see send
 */
export async function requireKv(admin: Vault, mount: string): Promise<void> {
  const reply = await admin.ask('GET', `sys/internal/ui/mounts/${mount}`)
  if (isUnable(reply)) throw unable(admin, `to show the mount ${mount}`, reply)
  if (reply.status !== 200)
    throw new KitError(
      `${admin.where} has no mount ${mount}, or not for this token: ${reply.status} ${reply.words}`,
      {
        exitCode: exitCodes.denied,
        details: [`Vault does not tell the two apart. ${written()}`],
        hint: `vault secrets list; make one: vault secrets enable -version=2 -path=${mount} kv`,
      },
    )
  const { type, options } = readReply(admin, `the mount ${mount}`, mountShape, reply).data
  if (type === 'kv' && options?.['version'] === '2') return
  throw new KitError(`${mount} is ${type === 'kv' ? 'KV version 1' : `of type ${type}`}, not KV version 2`, {
    exitCode: exitCodes.preflight,
    details: [`A template for version 2 reads nothing there. ${written()}`],
    hint: 'set VAULT_KV_MOUNT to a mount of version 2, or make one: vault secrets enable -version=2 -path=keybuzz-kv kv',
  })
}
