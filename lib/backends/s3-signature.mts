import { createHash, createHmac } from 'node:crypto'
import { strictlyPercent } from '../base/sensitive.mts'

// AWS Signature Version 4: a canonical request, signed with a key derived from secret key, date and region.

export interface SignedBy {
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
}

export interface ToSign {
  readonly method: string
  readonly url: URL
  readonly body: string
  readonly at: Date
  /** Further headers to send and sign, in lower case. */
  readonly more?: Readonly<Record<string, string>>
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** The headers that authenticate a request. */
export function signedHeaders(
  { method, url, body, at, more = {} }: ToSign,
  by: SignedBy,
): Record<string, string> {
  const time = at.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const scope = `${time.slice(0, 8)}/${by.region}/s3/aws4_request`
  const sent = { ...more, 'x-amz-content-sha256': sha256(body), 'x-amz-date': time }
  // The client itself sends Host.
  const headers: Record<string, string> = { host: url.host, ...sent }
  const sorted = Object.keys(headers).toSorted()
  const names = sorted.join(';')
  const query = [...url.searchParams]
    .map(([key, value]) => `${strictlyPercent(key)}=${strictlyPercent(value)}`)
    .toSorted()
    .join('&')
  const lines = sorted.map((name) => `${name}:${headers[name]}\n`)
  const canonical = [method, url.pathname, query, lines.join(''), names, sha256(body)].join('\n')
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')
  const day = hmac(`AWS4${by.secretKey}`, time.slice(0, 8))
  const key = hmac(hmac(hmac(day, by.region), 's3'), 'aws4_request')
  const signature = hmac(key, text).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${by.accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`
  return { ...sent, authorization }
}
