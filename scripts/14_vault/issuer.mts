import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { exitCodes, KitError, messageOf } from '../../lib/base/errors.mts'
import type { Sensitive } from '../../lib/base/sensitive.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { anything, fields, listOf, mapOf, readShape, text, type Shape } from '../../lib/base/shape.mts'
import { written } from '../../lib/base/written.mts'
import { jsonIn } from '../../lib/kube/json-answer.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'

// Who signs the tokens of service accounts, and with which keys: the API server publishes both (OpenID Connect
// discovery). Vault's method jwt proves tokens by them and asks nobody.

/** The issuer of a cluster's tokens. */
export interface Issuer {
  /** The claim `iss` of its tokens. */
  readonly name: string
  /** Its public keys as PEM, in the order in which the API server lists them: more than one while they are rotated. */
  readonly keys: readonly string[]
}

const discovery = fields({ issuer: text })
const keySet = fields({ keys: listOf(mapOf(anything)) })

/** Where the API server publishes them. Kubernetes lets service accounts read both, administrators too. */
const paths = { discovery: '/.well-known/openid-configuration', keys: '/openid/v1/jwks' } as const

/**
 * Reads the issuer of the cluster's tokens and its public keys.
 * @throws KitError exit 3 when the API server publishes no key, or one that is not valid; exit 3 or 5 to 9 from kubectl
 */
export async function readIssuer(kube: Pick<KubeReader, 'raw'>): Promise<Issuer> {
  const { issuer: name } = await readFrom(kube, paths.discovery, discovery)
  const { keys } = await readFrom(kube, paths.keys, keySet)
  if (keys.length === 0) throw unusable('lists no public key')
  return { name, keys: keys.map((key, index) => pemOf(key as JsonWebKey, index)) }
}

async function readFrom<T>(kube: Pick<KubeReader, 'raw'>, path: string, shape: Shape<T>): Promise<T> {
  const json = jsonIn(await kube.raw(path), ['get', '--raw', path])
  return readShape(`the API server: ${path}`, shape, json, { exitCode: exitCodes.preflight, hint: look })
}

const look = `kubectl get --raw ${paths.discovery}; kubectl get --raw ${paths.keys}   show what it publishes`

const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()

/** Vault takes PEM; the API server lists JSON Web Keys (RFC 7517). */
function pemOf(key: JsonWebKey, index: number): string {
  try {
    return pem(createPublicKey({ key, format: 'jwk' }))
  } catch (cause) {
    throw unusable(
      `lists a key that is not valid, number ${index + 1}: ${shortened(messageOf(cause), 120)}`,
      cause,
    )
  }
}

const unusable = (what: string, cause?: unknown): KitError =>
  new KitError(`the API server ${what} at ${paths.keys}`, {
    exitCode: exitCodes.preflight,
    details: [`VAULT_AUTH_METHOD=jwt takes the public keys of service accounts’ tokens. ${written()}`],
    hint: look,
    cause,
  })

/** A key in one form: Vault returns PEM as it was written, with any line breaks. Text that is no key stays as it is. */
export function normalKey(text: string): string {
  try {
    return pem(createPublicKey(text))
  } catch {
    return text.trim()
  }
}

/** The algorithms with which Kubernetes signs tokens: RSA, or ECDSA. */
const signedBy = /^(RS|ES)(256|384|512)$/

/**
 * Requires that a token of the cluster is proven by these keys and names this issuer, as Vault requires at every login.
 * @throws KitError exit 3 when it is not: the API server signs with a key that it does not publish
 */
export function requireProven(token: Sensitive, { name, keys }: Issuer): void {
  const [head = '', body = '', signature = ''] = token.reveal().split('.')
  const { alg } = partOf(head)
  const algorithm = typeof alg === 'string' ? alg : 'unsigned'
  const { iss } = partOf(body)
  const isSigned = (one: string) => isProvenBy(one, { algorithm, signed: `${head}.${body}`, signature })
  const isOther = iss !== name
  if (!isOther && keys.some(isSigned)) return
  throw new KitError(
    isOther
      ? `the API server’s tokens name another issuer than ${shortened(name, 120)}, which it publishes`
      : `the API server signs tokens (${shortened(algorithm, 20)}) with none of the ${keys.length} keys that it publishes`,
    {
      exitCode: exitCodes.preflight,
      details: [
        `Vault would refuse them all. Have all API servers the same key and issuer of service accounts? ${written()}`,
      ],
      hint: look,
    },
  )
}

function isProvenBy(
  key: string,
  { algorithm, signed, signature }: { algorithm: string; signed: string; signature: string },
): boolean {
  const [, kind, bits] = signedBy.exec(algorithm) ?? []
  if (kind === undefined) return false
  const own = createPublicKey(key)
  if ((own.asymmetricKeyType === 'rsa') !== (kind === 'RS')) return false
  return verify(
    `sha${bits}`,
    Buffer.from(signed),
    { key: own, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
}

/** The fields of one part of a token; none of a part that is not JSON. */
function partOf(part: string): Record<string, unknown> {
  try {
    return (JSON.parse(Buffer.from(part, 'base64url').toString()) ?? {}) as Record<string, unknown>
  } catch {
    return {}
  }
}
