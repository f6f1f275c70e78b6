import { shortened } from '../base/sensitive.mts'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { written } from '../base/written.mts'

/** The `<Code>` of an S3 server's answer: `NoSuchBucket`. */
export const codeOf = (text: string): string => /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ?? ''

/** What is wrong with key or signature, by the server's error code. */
const wrongKeys: Readonly<Record<string, readonly [says: string, hint: string]>> = {
  InvalidAccessKeyId: ['does not know the access key', 'correct S3_ACCESS_KEY in platform.env'],
  SignatureDoesNotMatch: ['refuses the secret key', 'correct S3_SECRET_KEY in platform.env'],
  InvalidToken: ['refuses the key', 'correct S3_ACCESS_KEY and S3_SECRET_KEY in platform.env'],
  AuthorizationHeaderMalformed: ['refuses the signature', 'S3_REGION must be the server’s own'],
}

/**
 * The KitError for a refused request: exit 8 for key or rights, exit 3 for the bucket, the clock, or anything else.
 * @param where the server, in messages: `S3 ENDPOINT`
 * @param doing `write into`, `read from`, `delete from`
 */
export function refusal(
  where: string,
  bucket: string,
  doing: string,
  { status, text }: { readonly status: number; readonly text: string },
): KitError {
  const code = codeOf(text)
  if (code === 'NoSuchBucket' || status === 404) {
    return new KitError(`${where} has no bucket ${bucket}`, {
      exitCode: exitCodes.preflight,
      details: [written()],
      hint: 'make the bucket, private, or correct its name in the module’s settings',
    })
  }
  const wrongKey = wrongKeys[code]
  if (wrongKey !== undefined) {
    return new KitError(`${where} ${wrongKey[0]}: ${code}`, {
      exitCode: exitCodes.denied,
      details: [written()],
      hint: wrongKey[1],
    })
  }
  if (status === 403 || code === 'AccessDenied') {
    return new KitError(`${where}: this key may not ${doing} bucket ${bucket}`, {
      exitCode: exitCodes.denied,
      details: [`${status} ${code}`.trim()],
      hint: 'give the key s3:PutObject, s3:GetObject and s3:DeleteObject on that bucket',
    })
  }
  if (code === 'RequestTimeTooSkewed') {
    return new KitError(`${where} says that this machine’s clock is wrong`, {
      exitCode: exitCodes.preflight,
      hint: 'timedatectl shows it; a time server must be reachable',
    })
  }
  return new KitError(`${where} answered ${status} ${code}`.trim(), {
    exitCode: exitCodes.preflight,
    details: [shortened(text, 160)],
    hint: 'look at the server’s log; S3_ENDPOINT must lead to its S3 interface, not to its console',
  })
}

/** Exit 6: the server did not answer. @param why the reason in one phrase */
export const unreachable = (where: string, why: string, cause: unknown): KitError =>
  new KitError(`${where} cannot be reached: ${why}`, {
    exitCode: exitCodes.unreachable,
    details: [written()],
    hint: 'check S3_ENDPOINT, that the server runs, and the firewall in between',
    cause,
  })

/** Exit 7: the server's certificate is not accepted. @param url the address that was asked */
export const untrusted = ({ hostname, port }: URL, cause: unknown): KitError =>
  new KitError(`the certificate of S3 ${hostname} is not accepted: ${shortened(messageOf(cause), 200)}`, {
    exitCode: exitCodes.trust,
    details: [`No request was sent to it. ${written()}`],
    hint: `give it a certificate for that name by a public CA, as the applications need it too; what it shows: openssl s_client -connect ${hostname}:${port === '' ? '443' : port} -showcerts </dev/null`,
    cause,
  })
