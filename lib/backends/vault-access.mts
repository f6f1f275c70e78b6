import { isDeepStrictEqual } from 'node:util'
import { anything, fields, mapOf } from '../base/shape.mts'
import type { Change } from '../base/writes.mts'
import { audience } from '../kube/manifests/injection.mts'
import type { AuthMount } from '../settings/platform-vault.mts'
import type { Request } from './vault-client.mts'
import { readReply, refused, type Vault } from './vault.mts'

// Policies in Vault, and the roles that bind each of them to one service account of one namespace. They are compared
// first: a second run writes nothing. Each write goes through Writes.

/** A role and its policy. */
export interface Access {
  /** Where the role is. */
  readonly mount: AuthMount
  /** The name of the role, below the auth path. */
  readonly role: string
  /** The name of the policy, unique among those of all clusters that use this Vault: they are in one list. */
  readonly policy: string
  readonly rules: string
  readonly account: string
  readonly namespace: string
}

/** One write that Vault needs. */
export interface VaultWrite {
  readonly change: Change
  readonly path: string
  readonly method: Request['method']
  readonly body?: unknown
}

/** @param what the object in Vault: `policy keybuzz-kubernetes-check` @param method POST unless given */
export const vaultWrite = (
  sign: Change['sign'],
  what: string,
  path: string,
  body?: unknown,
  method: VaultWrite['method'] = 'POST',
): VaultWrite => ({ change: { sign, what: `Vault ${what}` }, path, method, body })

/**
 * The fields that Vault returns for a path; undefined when it does not exist.
 * @throws KitError exit 3 or 8, see refused and readReply; exit 6 or 7, see send
 */
export async function findIn(admin: Vault, path: string): Promise<Record<string, unknown> | undefined> {
  const reply = await admin.ask('GET', path)
  // Vault answers 400 for the config of an auth method that is enabled and was never configured.
  if (reply.status === 404 || reply.status === 204 || reply.status === 400) return undefined
  if (reply.status !== 200) throw refused(admin, `to show ${path}`, reply)
  return readReply(admin, path, fields({ data: mapOf(anything) }), reply).data
}

/** The subject of a service account's tokens, as Kubernetes writes it into them. */
const subjectOf = ({ namespace, account }: Pick<Access, 'namespace' | 'account'>): string =>
  `system:serviceaccount:${namespace}:${account}`

/** The fields of a role, as Vault accepts and returns them. A role without `role_type` would be one of OIDC. */
export const roleFields = (access: Access): Readonly<Record<string, unknown>> => ({
  ...(access.mount.method === 'jwt'
    ? {
        role_type: 'jwt',
        bound_subject: subjectOf(access),
        bound_audiences: [audience],
        user_claim: 'sub',
      }
    : {
        bound_service_account_names: [access.account],
        bound_service_account_namespaces: [access.namespace],
        audience,
      }),
  token_policies: [access.policy],
  token_ttl: 3600,
})

/**
 * To whom a role of this name is bound, when it is not the service account of this access.
 * @param role its fields in Vault
 */
export function boundElsewhere(access: Access, role: Readonly<Record<string, unknown>>): string | undefined {
  if (access.mount.method === 'jwt') {
    const { bound_subject: subject } = role
    return typeof subject !== 'string' || subject === '' || subject === subjectOf(access)
      ? undefined
      : subject
  }
  const { bound_service_account_namespaces: namespaces } = role
  const isOther = Array.isArray(namespaces) && namespaces.length > 0 && !namespaces.includes(access.namespace)
  return isOther ? namespaces.join(', ') : undefined
}

/** True when all wanted fields exist with these values. Both are trimmed: Vault removes a newline at the end. */
export const holds = (there: Record<string, unknown>, wanted: Record<string, unknown>): boolean =>
  Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(trimmed(there[key]), trimmed(value)))

const trimmed = (value: unknown): unknown => (typeof value === 'string' ? value.trim() : value)

/** The path of a role in Vault's API. */
export const rolePath = ({ mount, role }: Pick<Access, 'mount' | 'role'>): string =>
  `auth/${mount.path}/role/${role}`

/** The path of a policy in Vault's API. */
export const policyPath = ({ policy }: Pick<Access, 'policy'>): string => `sys/policies/acl/${policy}`

/**
 * The writes for one role and its policy; none when both are as they should be.
 * @param isEnabled whether its auth method is enabled
 * @throws KitError exit 3, 6, 7 or 8, see findIn
 */
export async function accessWrites(admin: Vault, access: Access, isEnabled: boolean): Promise<VaultWrite[]> {
  const { role, policy, rules } = access
  const [livePolicy, liveRole] = [
    await findIn(admin, policyPath(access)),
    isEnabled ? await findIn(admin, rolePath(access)) : undefined,
  ]
  return [
    ...(livePolicy !== undefined && holds(livePolicy, { policy: rules })
      ? []
      : [
          vaultWrite(
            livePolicy === undefined ? '+' : '~',
            `policy ${policy}`,
            policyPath(access),
            { policy: rules },
            'PUT',
          ),
        ]),
    ...(liveRole !== undefined && holds(liveRole, roleFields(access))
      ? []
      : [
          vaultWrite(
            liveRole === undefined ? '+' : '~',
            `role ${role}: ${access.namespace}/${access.account}`,
            rolePath(access),
            roleFields(access),
          ),
        ]),
  ]
}

/** Sends one of these writes. @throws KitError exit 8 when Vault answers 403, exit 3 for other errors; exit 6 or 7 */
export async function sendWrite(admin: Vault, { change, path, method, body }: VaultWrite): Promise<void> {
  const reply = await admin.ask(method, path, body)
  if (reply.status !== 200 && reply.status !== 204) throw refused(admin, `to write ${change.what}`, reply)
}
