import { mostErrorBytes, textOf } from '../base/collect.mts'
import { messageOf } from '../base/errors.mts'
import { isLoopback } from '../base/loopback.mts'
import { sensitive, shortened } from '../base/sensitive.mts'
import { fields, optional, text } from '../base/shape.mts'
import type { RegistrySettings } from '../kube/manifests/pull-secret.mts'

// Whether a registry has an image and serves it to an account: a HEAD request for its manifest, no download.

/** A registry's answer for an image: `refused` is 401 or 403, `silent` is no answer or any other status. */
export type Offer =
  { readonly is: 'there' } | { readonly is: 'absent' | 'refused' | 'silent'; readonly words: string }

const milliseconds = 8000
const manifests = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/**
 * Requests the manifest of an image from its registry, with the platform's account if that is its registry. Never
 * throws: a registry that cannot be reached is `silent`.
 * @param image reference with tag or digest
 */
export async function askRegistry(image: string, account: RegistrySettings): Promise<Offer> {
  const { registry, repository, reference } = imageName(image)
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  // As containerd does: plain HTTP for a registry on the machine itself, TLS for every other.
  const scheme = /^(localhost|127\.0\.0\.1)(:|$)/.test(host) ? 'http' : 'https'
  const url = `${scheme}://${host}/v2/${repository}/manifests/${reference}`
  const basic = basicFor(registry, account)
  try {
    const first = await ask(url, undefined)
    if (first.status !== 401) return offerOf(first, url)
    const authorization = await authorizationFor(url, first.headers.get('www-authenticate') ?? '', basic)
    return authorization === undefined ? offerOf(first, url) : offerOf(await ask(url, authorization), url)
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
    return { is: 'silent', words: `${host}: ${messageOf(cause)}` }
  }
}

const tokens = fields({ token: optional(text), access_token: optional(text) })

const ask = (url: string, authorization: string | undefined): Promise<Response> =>
  fetch(url, {
    method: 'HEAD',
    headers: { accept: manifests, ...(authorization === undefined ? {} : { authorization }) },
    signal: AbortSignal.timeout(milliseconds),
  })

function offerOf({ status, ok }: Response, url: string): Offer {
  const words = `${new URL(url).host} answers ${status}`
  if (ok) return { is: 'there' }
  if (status === 401 || status === 403) return { is: 'refused', words }
  return { is: status === 404 ? 'absent' : 'silent', words }
}

function basicFor(registry: string, account: RegistrySettings): string | undefined {
  const { REGISTRY_SERVER, REGISTRY_USER = '', REGISTRY_PASSWORD } = account
  if (REGISTRY_SERVER !== registry || REGISTRY_PASSWORD === undefined) return undefined
  return `Basic ${Buffer.from(`${REGISTRY_USER}:${REGISTRY_PASSWORD.reveal()}`).toString('base64')}`
}

/**
 * The Authorization header for a registry's challenge: the account itself, or a token (also an anonymous one).
 * @param asked the URL that returned the challenge
 * @returns undefined when the account is refused
 * @throws Error when the account would be sent unencrypted to the server that issues tokens, or that server cannot work
 */
async function authorizationFor(
  asked: string,
  challenge: string,
  basic: string | undefined,
): Promise<string | undefined> {
  if (!/^bearer /i.test(challenge)) return basic
  const fields = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value] as const),
  )
  const realm = new URL(fields['realm'] ?? '')
  for (const key of ['service', 'scope']) {
    const value = fields[key]
    if (value !== undefined) realm.searchParams.set(key, value)
  }
  // It may be another host than the registry, as Docker Hub's is: the only requirement is that it is encrypted.
  const staysHere = isLoopback(new URL(asked).hostname) && isLoopback(realm.hostname)
  if (basic !== undefined && realm.protocol !== 'https:' && !staysHere) {
    const where = shortened(realm.host, 120)
    throw new Error(`it wants the account sent to http://${where}, not encrypted: it was not sent`)
  }
  const answer = await fetch(realm, {
    headers: basic === undefined ? {} : { authorization: basic },
    signal: AbortSignal.timeout(milliseconds),
  })
  if (answer.status === 429 || answer.status >= 500)
    throw new Error(`${shortened(realm.host, 120)}, which gives its tokens, answers ${answer.status}`)
  if (!answer.ok) return undefined
  const { token, access_token: other } = tokens(JSON.parse(await textOf(answer.body, mostErrorBytes)), '')
  // It grants access to the registry until it expires: no error may show it.
  return `Bearer ${sensitive(token ?? other ?? '').reveal()}`
}

// Pure: what an image reference means, as Docker and containerd read it.

/** The parts of an image reference. */
export interface ImageName {
  /** host or host:port; Docker Hub's is docker.io. */
  readonly registry: string
  readonly repository: string
  /** The digest if there is one, else the tag. */
  readonly reference: string
  /** The full reference, as `status.images` of a Node lists it. */
  readonly full: string
}

/** Parses an image reference with tag or digest. */
export function imageName(image: string): ImageName {
  const [named = '', digest] = image.split('@')
  const [, path = named, tag] = /^(.*):([^:/]+)$/.exec(named) ?? []
  const [first = '', ...rest] = path.split('/')
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const registry = hasRegistry ? first : 'docker.io'
  const short = hasRegistry ? rest.join('/') : path
  const repository = registry === 'docker.io' && !short.includes('/') ? `library/${short}` : short
  const reference = digest ?? tag ?? ''
  const full = `${registry}/${repository}${digest === undefined ? `:${reference}` : `@${reference}`}`
  return { registry, repository, reference, full }
}

const placeholders =
  /^(nginx|httpd|apache|caddy|alpine|busybox|debian|ubuntu|hello-world|hello-kubernetes|whoami|(http-)?echo(-?server)?|echoserver|httpbin|pause|placeholder|sample|dummy)(-unprivileged)?$/

/** One sentence when an image is a well-known placeholder and not an application; else undefined. */
export function problemWithOwnImage(image: string): string | undefined {
  const last = imageName(image).repository.split('/').at(-1) ?? ''
  return placeholders.test(last) ? `${last} is a placeholder, not your application` : undefined
}
