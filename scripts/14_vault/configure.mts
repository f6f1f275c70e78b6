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

// What the kit keeps in Vault, compared first: a second run sends nothing. Each write goes through the gate of the run.

/** One write that is needed. */
export interface VaultWrite {
  readonly change: Change
  readonly path: string
  readonly method: 'POST' | 'PUT'
  readonly body: unknown
}

const anything: Shape<unknown> = (value) => value

/** The fields Vault returns for a path; undefined when it is not there. @throws KitError exit 3, 6, 7 or 8 */
async function find(admin: Vault, path: string): Promise<Record<string, unknown> | undefined> {
  const reply = await admin.ask('GET', path)
  // Vault says 400 for the config of an auth method that is there and was never written.
  if (reply.status === 404 || reply.status === 204 || reply.status === 400) return undefined
  if (reply.status !== 200) throw refused(admin, `to show ${path}`, reply)
  return readReply(admin, path, fields({ data: mapOf(anything) }), reply).data
}

/** The configuration of the auth method: always whole, because a field that is left out is cleared. */
const configOf = ({ host, ca, token }: Reviewer) => ({
  kubernetes_host: host,
  kubernetes_ca_cert: ca,
  token_reviewer_jwt: token.reveal(),
  // Without it Vault would look for files of a pod, on a machine that is none.
  disable_local_ca_jwt: true,
})

/**
 * The writes that make Vault as it should be.
 * @param works whether a login by the role of the checks works: only it tells whether Vault has the current token
 * @throws KitError exit 5 when the auth path is another method's; exit 3, 6, 7 or 8
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

/** True when all of these fields are there with these values; Vault trims what ends with a newline. */
const holds = (there: Record<string, unknown>, wanted: Record<string, unknown>): boolean =>
  Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(trimmed(there[key]), trimmed(value)))

const trimmed = (value: unknown): unknown => (typeof value === 'string' ? value.trim() : value)

/** @throws KitError exit 5 when another method is enabled at that path */
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

/** The writes for one role and its policy. */
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

/** The value of the checks is made once. It opens nothing. */
async function valueOf(admin: Vault, settings: VaultSettings): Promise<VaultWrite[]> {
  const path = checkPath(settings)
  const there = await find(admin, path)
  return there?.['data'] !== undefined && there['data'] !== null
    ? []
    : [write('+', `value ${path}`, path, { data: { value: randomBytes(18).toString('hex') } })]
}

/** Sends one of these writes. @throws KitError exit 3 or 8 when Vault refuses it; exit 6 or 7 */
export async function sendWrite(admin: Vault, { change, path, method, body }: VaultWrite): Promise<void> {
  const reply = await admin.ask(method, path, body)
  if (reply.status !== 200 && reply.status !== 204) throw refused(admin, `to write ${change.what}`, reply)
}
