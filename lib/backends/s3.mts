import { createHash, randomUUID } from 'node:crypto'
import { mostErrorBytes, textOf } from '../base/collect.mts'
import { messageOf } from '../base/errors.mts'
import { isUntrusted } from '../base/network-errors.mts'
import { refusal, unreachable, untrusted } from './s3-errors.mts'
import { signedHeaders } from './s3-signature.mts'
import { strictlyPercent, type Sensitive } from '../base/sensitive.mts'
import type { Settings } from '../settings/settings.mts'
import type { Reporter } from '../base/log.mts'
import type { Writes } from '../base/writes.mts'

export interface S3 {
  /**
   * Requires with one read that key and bucket are right. Changes nothing.
   * @throws KitError exit 3 for the bucket, the clock or another refusal, exit 6 without an answer, exit 7 for
   *   its certificate, exit 8 for the key
   */
  tryOut(bucket: string): Promise<void>
  /**
   * As `tryOut`, then writes, reads and deletes one small object: the only proof of these rights. Not under --plan.
   * @throws KitError exit 3, 6, 7 or 8, see tryOut and roundTrip
   */
  require(bucket: string): Promise<void>
  /**
   * Writes, reads back and deletes one small object.
   * @returns the milliseconds it took
   * @throws KitError exit 3 for the bucket, the clock or another refusal, exit 6 without an answer, exit 7 for
   *   its certificate, exit 8 for key or rights
   */
  roundTrip(bucket: string): Promise<number>
}

/** The part of S3 that checks may use. */
export type S3Reader = Pick<S3, 'roundTrip'>

/** The response to one signed request. */
interface Answer {
  readonly status: number
  readonly text: string
}

/** Milliseconds for one request. */
const timeoutMilliseconds = 10_000

/** Prefix of the kit's own objects, which are deleted at once. */
const probePrefix = 'keybuzz-check-'

/** The S3 server of an environment. */
export function createS3(settings: Settings, writes: Writes, { ok }: Reporter): S3 {
  const endpoint = String(settings['S3_ENDPOINT'])
  const where = `S3 ${endpoint}`
  async function send(method: string, bucket: string, key: string, body = '', query = ''): Promise<Answer> {
    const url = urlOf(endpoint, settings['S3_PATH_STYLE'] === true, bucket, key, query)
    const headers = signedHeaders(
      { method, url, body, at: new Date(), more: method === 'PUT' ? uploadHeaders(body) : {} },
      {
        accessKey: String(settings['S3_ACCESS_KEY']),
        secretKey: (settings['S3_SECRET_KEY'] as Sensitive).reveal(),
        region: String(settings['S3_REGION']),
      },
    )
    try {
      const signal = AbortSignal.timeout(timeoutMilliseconds)
      const sent = method === 'PUT' ? { body } : {}
      const answer = await fetch(url, { method, headers, signal, redirect: 'manual', ...sent })
      return { status: answer.status, text: await textOf(answer.body, mostErrorBytes) }
    } catch (cause) {
      const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
      if (isUntrusted(inner)) throw untrusted(url, inner)
      throw unreachable(where, messageOf(inner), cause)
    }
  }

  /** Lists objects with the kit's own prefix: the error code separates a wrong key or bucket from a missing right. */
  async function tryOut(bucket: string): Promise<void> {
    const answer = await send('GET', bucket, '', '', `list-type=2&max-keys=1&prefix=${probePrefix}`)
    if (answer.status !== 200 && !mayNotList(answer)) throw refusal(where, bucket, 'read from', answer)
  }

  async function roundTrip(bucket: string): Promise<number> {
    const started = performance.now()
    const [key, text] = [`${probePrefix}${randomUUID()}`, randomUUID()]
    /** Without an answer the object may be there: it shall not stay. */
    const orDeleted = async (asked: Promise<Answer>): Promise<Answer> => {
      try {
        return await asked
      } catch (thrown) {
        await send('DELETE', bucket, key).catch(() => undefined)
        throw thrown
      }
    }
    const put = await orDeleted(send('PUT', bucket, key, text))
    if (put.status !== 200) throw refusal(where, bucket, 'write into', put)
    const got = await orDeleted(send('GET', bucket, key))
    const deleted = await send('DELETE', bucket, key)
    if (got.status !== 200 || got.text !== text) throw refusal(where, bucket, 'read from', got)
    if (![200, 204].includes(deleted.status)) throw refusal(where, bucket, 'delete from', deleted)
    return Math.round(performance.now() - started)
  }

  return {
    tryOut,
    roundTrip,
    async require(bucket) {
      await tryOut(bucket)
      if (writes.planning) return
      await roundTrip(bucket)
      ok(`${where} bucket ${bucket}`)
    },
  }
}

/**
 * What applications send with an upload (Active Storage's S3 service): a server that requires more, or refuses this,
 * refuses theirs. Their SDKs are configured to send no further checksum:
 * AWS_REQUEST_CHECKSUM_CALCULATION=when_required.
 */
const uploadHeaders = (body: string): Record<string, string> => ({
  'content-md5': createHash('md5').update(body).digest('base64'),
  'content-type': 'text/plain',
})

/** True when only the right to list is missing, which no application needs: the key and the bucket are right. */
const mayNotList = ({ status, text }: Answer): boolean =>
  status === 403 && text.includes('<Code>AccessDenied</Code>')

/** The URL of an object. Path style: endpoint/bucket/key. Else bucket.endpoint/key, as Amazon requires it. */
function urlOf(endpoint: string, pathStyle: boolean, bucket: string, key: string, query: string): URL {
  const url = new URL(endpoint)
  const path = key.split('/').map(strictlyPercent).join('/')
  if (pathStyle) url.pathname = `/${bucket}/${path}`
  else [url.hostname, url.pathname] = [`${bucket}.${url.hostname}`, `/${path}`]
  url.search = query
  return url
}
