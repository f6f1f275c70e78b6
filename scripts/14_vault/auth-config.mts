import { holds } from '../../lib/backends/vault-access.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { normalKey, type Issuer } from './issuer.mts'
import type { Reviewer } from './review.mts'

// The configuration of each auth method: what the kit writes to `config` of the auth path. Pure.

/** The configuration of an auth method, tried by the kit before Vault gets it. */
export interface AuthConfig {
  /** What a plan calls it: `API server https://10.0.0.20:6443`. */
  readonly what: string
  /** All of its fields: Vault replaces what it has, and clears a field that is left out. */
  readonly body: Readonly<Record<string, unknown>>
  /** What of it Vault does not have, one line each, by the fields that it returns. */
  readonly lacking: (live: Readonly<Record<string, unknown>>) => string[]
  /** The issuer whose tokens it accepts; undefined where the API server says that. */
  readonly issuer?: string
}

/** The configuration by which Vault asks the API server about each token. */
export function kubernetesConfig({ host, ca, token }: Reviewer): AuthConfig {
  const shown = {
    kubernetes_host: host,
    kubernetes_ca_cert: ca,
    // Otherwise Vault would read the token and CA files of a pod, which its machine does not have.
    disable_local_ca_jwt: true,
  }
  return {
    what: `API server ${host}`,
    body: { ...shown, token_reviewer_jwt: token.reveal() },
    lacking: (live) => [
      ...(holds(live, shown) ? [] : ['another API server, or CA']),
      ...(live['token_reviewer_jwt_set'] === false ? ['no token of the reviewer'] : []),
    ],
  }
}

const counted = (keys: number): string => (keys === 1 ? '1 public key' : `${keys} public keys`)

const shownIssuer = (bound: unknown): string =>
  typeof bound === 'string' && bound !== '' ? shortened(bound, 120) : 'not set'

/** The configuration by which Vault proves each token itself. */
export const jwtConfig = (issuer: Issuer): AuthConfig => ({
  what: `${counted(issuer.keys.length)} of ${shortened(issuer.name, 120)}`,
  body: { bound_issuer: issuer.name, jwt_validation_pubkeys: issuer.keys },
  lacking: (live) => keyProblems(issuer, live),
  issuer: issuer.name,
})

/**
 * How the keys and the issuer that Vault has differ from the cluster's, one line each. A key too many is a difference:
 * Vault would go on taking tokens that are signed with it.
 * @param live the fields of the auth method's configuration, as Vault returns them
 */
export function keyProblems(
  { name, keys }: Issuer,
  { bound_issuer: bound, jwt_validation_pubkeys: found }: Readonly<Record<string, unknown>>,
): string[] {
  const theirs = new Set(
    (Array.isArray(found) ? found : []).map((one) =>
      typeof one === 'string' ? normalKey(one) : JSON.stringify(one),
    ),
  )
  const ours = new Set(keys.map(normalKey))
  const missing = [...ours].filter((key) => !theirs.has(key)).length
  const extra = [...theirs].filter((key) => !ours.has(key)).length
  const isNone = theirs.size > 0 && missing === ours.size
  return [
    ...(bound === name ? [] : [`its issuer is ${shownIssuer(bound)}, not ${shortened(name, 120)}`]),
    ...(missing === 0 ? [] : [`it lacks ${missing} of the ${counted(ours.size)} of this cluster`]),
    ...(extra === 0 ? [] : [`it has ${counted(extra)} that this cluster does not have`]),
    ...(isNone ? ['none of its keys is of this cluster: does another one log in there?'] : []),
  ]
}
