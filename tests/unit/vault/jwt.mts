import { createPublicKey, generateKeyPairSync, sign, verify, type JsonWebKey } from 'node:crypto'
import { sensitive } from '../../../lib/base/sensitive.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { Asked, Given, State } from './server.mts'

// The keys of a cluster, its tokens, and Vault's method jwt: every signature is a real one. The refusals are those of
// OpenBao 2.7.2.

/** The issuer of every K3s cluster, unless it was told another one. */
export const issuerName = 'https://kubernetes.default.svc.cluster.local'

/** One key with which an API server signs. */
export interface Signer {
  readonly pem: string
  /** As the API server lists it. */
  readonly jwk: JsonWebKey
  /** A token with these claims. */
  sign(claims: object): string
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

export function makeSigner(kind: 'rsa' | 'ec' = 'rsa'): Signer {
  const { publicKey, privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const alg = kind === 'rsa' ? 'RS256' : 'ES256'
  return {
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    jwk: { ...publicKey.export({ format: 'jwk' }), use: 'sig', kid: 'any', alg },
    sign(claims) {
      const signed = `${encoded({ alg, kid: 'any' })}.${encoded(claims)}`
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
      return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
    },
  }
}

/** What an API server publishes, and with what it signs. */
export interface Signing {
  readonly published: readonly Signer[]
  /** The first of the published ones, unless given. */
  readonly signer?: Signer
  readonly issuer?: string
  /** The claim `iss` of its tokens: the issuer, unless given. */
  readonly says?: string
}

/** The part of a KubeReader that has to do with tokens. */
export const signingKube = (signing: Signing): Pick<KubeReader, 'raw' | 'tokenOf'> => {
  const { published, issuer = issuerName, says = issuer } = signing
  return {
    raw: (path) =>
      Promise.resolve(
        JSON.stringify(
          path === '/openid/v1/jwks' ? { keys: published.map(({ jwk }) => jwk) } : { issuer, jwks_uri: 'x' },
        ),
      ),
    tokenOf(account, namespace, audience) {
      const [first] = published
      const signer = signing.signer ?? first
      const now = Math.floor(Date.now() / 1000)
      const claims = {
        iss: says,
        sub: `system:serviceaccount:${namespace}:${account}`,
        aud: [audience],
        iat: now,
        nbf: now,
        exp: now + 600,
      }
      return Promise.resolve(sensitive(signer?.sign(claims) ?? ''))
    },
  }
}

const refusal = (...errors: string[]): Given => ({ status: 400, json: { errors } })

/** A login by the method jwt. @param token what it gives */
export function jwtLogin({ documents }: State, { body }: Asked, token: (role: string) => string): Given {
  const name = String(body['role'])
  const config = documents.get('auth/jwt/config')
  const role = documents.get(`auth/jwt/role/${name}`)
  if (config === undefined) return refusal('could not load configuration')
  if (role === undefined) return refusal(`role "${name}" could not be found`)
  const [head = '', claims = '', signature = ''] = String(body['jwt']).split('.')
  const isProven = (config['jwt_validation_pubkeys'] as string[]).some((pem) =>
    verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    ),
  )
  const wrong = (what: string): Given => refusal(`error validating token: ${what}`)
  if (!isProven)
    return wrong('error verifying token signature: no known key successfully validated the token signature')
  const said = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>
  if (said['iss'] !== config['bound_issuer']) return wrong('invalid issuer (iss) claim')
  if (said['sub'] !== role['bound_subject']) return wrong('invalid subject (sub) claim')
  const audiences = role['bound_audiences'] as string[]
  return (said['aud'] as string[]).some((one) => audiences.includes(one))
    ? { json: { auth: { client_token: token(name) } } }
    : wrong('invalid audience (aud) claim: audience claim does not match any expected audience')
}
