import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { fields, mapOf, type Shape } from '../../lib/base/shape.mts'
import type { Change } from '../../lib/base/writes.mts'
import { written } from '../../lib/base/written.mts'
import { readReply, refused, type Vault } from './api/vault.mts'
import type { Reviewer } from './review.mts'
import { accesses, checkPath, roleFields, type Access } from './roles.mts'
import type { VaultSettings } from './settings.mts'

// What the kit configures in Vault. It is compared first: a second run writes nothing. Each write goes through Writes.

/** One write that Vault needs. */
export interface VaultWrite {
  readonly change: Change
  readonly path: string
  readonly method: 'POST' | 'PUT'
  readonly body: unknown
}

const anything: Shape<unknown> = (value) => value

/**
 * The fields that Vault returns for a path; undefined when it does not exist.
 * @throws KitError exit 3 or 8, see refused and readReply; exit 6 or 7, see send
 */
async function find(admin: Vault, path: string): Promise<Record<string, unknown> | undefined> {
  const reply = await admin.ask('GET', path)
  // Vault answers 400 for the config of an auth method that is enabled and was never configured.
  if (reply.status === 404 || reply.status === 204 || reply.status === 400) return undefined
  if (reply.status !== 200) throw refused(admin, `to show ${path}`, reply)
  return readReply(admin, path, fields({ data: mapOf(anything) }), reply).data
}

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
 * @throws KitError exit 5 when another auth method is enabled at the auth path; exit 3, 6, 7 or 8, see find
 */
export async function writesFor(
  admin: Vault,
  settings: VaultSettings,
  reviewer: Reviewer,
  works: boolean,
): Promise<VaultWrite[]> {
  const { VAULT_AUTH_PATH: path } = settings
  const isEnabled = await hasAuth(admin, path)
  const config = isEnabled ? await find(admin, `auth/${path}/config`) : undefined
  const { token_reviewer_jwt: _hidden, ...wanted } = configOf(reviewer)
  const isConfigured =
    works && config !== undefined && config['token_reviewer_jwt_set'] !== false && holds(config, wanted)
  const own = await Promise.all(accesses(settings).map((access) => writesOf(admin, path, access, isEnabled)))
  return [
    ...(isEnabled
      ? []
      : [write('+', `auth method kubernetes at ${path}`, `sys/auth/${path}`, { type: 'kubernetes' })]),
    ...(isConfigured
      ? []
      : [
          write(
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

const write = (
  sign: Change['sign'],
  what: string,
  path: string,
  body: unknown,
  method: VaultWrite['method'] = 'POST',
): VaultWrite => ({ change: { sign, what: `Vault ${what}` }, path, method, body })

/** True when all wanted fields exist with these values. Both are trimmed: Vault removes a newline at the end. */
const holds = (there: Record<string, unknown>, wanted: Record<string, unknown>): boolean =>
  Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(trimmed(there[key]), trimmed(value)))

const trimmed = (value: unknown): unknown => (typeof value === 'string' ? value.trim() : value)

/** True when the auth method kubernetes is enabled at a path. @throws KitError exit 5 for another method; see find */
async function hasAuth(admin: Vault, path: string): Promise<boolean> {
  const all = await find(admin, 'sys/auth')
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

/** The writes for one role and its policy. @param isEnabled whether the auth method is enabled */
async function writesOf(
  admin: Vault,
  path: string,
  access: Access,
  isEnabled: boolean,
): Promise<VaultWrite[]> {
  const { role, policy, rules } = access
  const [livePolicy, liveRole] = [
    await find(admin, `sys/policies/acl/${policy}`),
    isEnabled ? await find(admin, `auth/${path}/role/${role}`) : undefined,
  ]
  return [
    ...(trimmed(livePolicy?.['policy']) === rules.trim()
      ? []
      : [
          write(
            livePolicy === undefined ? '+' : '~',
            `policy ${policy}`,
            `sys/policies/acl/${policy}`,
            { policy: rules },
            'PUT',
          ),
        ]),
    ...(liveRole !== undefined && holds(liveRole, roleFields(access))
      ? []
      : [
          write(
            liveRole === undefined ? '+' : '~',
            `role ${role}: ${access.namespace}/${access.account}`,
            `auth/${path}/role/${role}`,
            roleFields(access),
          ),
        ]),
  ]
}

/** The write for the value of the checks, which is created once. It is random and gives access to nothing. */
async function valueOf(admin: Vault, settings: VaultSettings): Promise<VaultWrite[]> {
  const path = checkPath(settings)
  const there = await find(admin, path)
  return there?.['data'] !== undefined && there['data'] !== null
    ? []
    : [write('+', `value ${path}`, path, { data: { value: randomBytes(18).toString('hex') } })]
}

/** Sends one of these writes. @throws KitError exit 8 when Vault answers 403, exit 3 for other errors; exit 6 or 7 */
export async function sendWrite(admin: Vault, { change, path, method, body }: VaultWrite): Promise<void> {
  const reply = await admin.ask(method, path, body)
  if (reply.status !== 200 && reply.status !== 204) throw refused(admin, `to write ${change.what}`, reply)
}
