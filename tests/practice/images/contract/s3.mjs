// A look at a bucket with an application's own key, by a signer that is not the kit's.
import aws4 from 'aws4'
import { fail } from './server.mjs'

/** Ends unless the server lets this key see the bucket. */
export async function requireBucket({ endpoint, region, bucket, accessKeyId, secretAccessKey }) {
  const { protocol, host } = new URL(endpoint)
  const path = `/${bucket}?list-type=2&max-keys=1`
  const signed = aws4.sign({ service: 's3', host, path, region }, { accessKeyId, secretAccessKey })
  const answer = await fetch(`${protocol}//${host}${path}`, {
    headers: signed.headers,
    signal: AbortSignal.timeout(10_000),
  }).catch(({ cause, message }) => fail(`S3 ${endpoint}: ${cause?.message ?? message}`))
  const text = await answer.text()
  if (!answer.ok)
    fail(`S3 ${endpoint} bucket ${bucket}: ${answer.status} ${/<Code>([^<]+)/.exec(text)?.[1] ?? ''}`)
}
