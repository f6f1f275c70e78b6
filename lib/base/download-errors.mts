import type { IncomingMessage } from 'node:http'
import { exitCodes, KitError, messageOf } from './errors.mts'
import { shownPath } from './files.mts'
import { networkFailureOf } from './network-errors.mts'
import { partOf } from './part-file.mts'
import { shortened } from './sensitive.mts'

/** What the errors of a download name. */
export interface Fetching {
  readonly url: URL
  /** Where the file goes: an absolute path. */
  readonly path: string
  /** What a failure has left untouched, one sentence: `No host was asked.` */
  readonly safe: string
  /** What to do where it cannot be downloaded, the end of a hint: `or put k3s there yourself`. */
  readonly instead: string
}

/** How much of a file has been received. */
export interface Progress {
  /** Bytes in the part. */
  readonly done: number
  /** Bytes of the whole file; undefined when the server does not send its length. */
  readonly whole: number | undefined
}

/** Exit 3: the server has no such file (HTTP 404 or 410). */
export class NotThere extends KitError {}

/** A number of bytes as text in MB: `12.3 MB`. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const again = 'run the same command again: it goes on from there, where the server can'

const detailsOf = ({ url, path, safe }: Fetching, { done, whole }: Progress): string[] => [
  `from: ${url.href}`,
  ...(done === 0
    ? []
    : [
        `${shownPath(partOf(path))} holds ${megabytes(done)}${whole === undefined ? '' : ` of ${megabytes(whole)}`}`,
      ]),
  safe,
]

const titleOf = ({ url, path }: Fetching, what: string): string =>
  `cannot fetch ${shownPath(path)} from ${url.host}: ${what}`

/**
 * The error for a response without the file.
 * @returns NotThere (3) for HTTP 404 and 410; KitError exit 8 for 401, 403 and 407, exit 6 for any other status
 */
export function refusedBy(
  { statusCode = 0 }: Pick<IncomingMessage, 'statusCode'>,
  fetching: Fetching,
): KitError {
  const details = detailsOf(fetching, { done: 0, whole: undefined })
  if (statusCode === 404 || statusCode === 410)
    return new NotThere(titleOf(fetching, `it has no such file (HTTP ${statusCode})`), {
      exitCode: exitCodes.preflight,
      details,
      hint: `compare that address with the version in versions.json; ${fetching.instead}`,
    })
  if ([401, 403, 407].includes(statusCode))
    return new KitError(titleOf(fetching, `it is refused (HTTP ${statusCode})`), {
      exitCode: exitCodes.denied,
      details,
      hint: `let this machine read that address; ${fetching.instead}`,
    })
  return new KitError(titleOf(fetching, `it answers HTTP ${statusCode}`), {
    exitCode: exitCodes.unreachable,
    details,
    hint: `run the same command again later; ${fetching.instead}`,
  })
}

/** The error for a server that sent no data for so long: exit 6. */
export const silentFor = (seconds: number, fetching: Fetching, progress: Progress): KitError =>
  new KitError(titleOf(fetching, `nothing came for ${seconds} s`), {
    exitCode: exitCodes.unreachable,
    details: detailsOf(fetching, progress),
    hint: progress.done > 0 ? again : `look at the network of this machine; ${fetching.instead}`,
  })

/** The error for a file that is longer than it may be: exit 3. @param most bytes it may have */
export const tooLong = (most: number, fetching: Fetching): KitError =>
  new KitError(titleOf(fetching, `it has more than ${megabytes(most)}, no such file is so long`), {
    exitCode: exitCodes.preflight,
    details: detailsOf(fetching, { done: 0, whole: undefined }),
    hint: `open that address in a browser to see what it is; ${fetching.instead}`,
  })

/** The error for a disk without space for the rest of the file: exit 12. */
export const noRoom = (fetching: Fetching, { done, whole = 0 }: Progress): KitError =>
  new KitError(
    `cannot write ${shownPath(partOf(fetching.path))}: the disk of this machine has no room for ${megabytes(whole - done)}`,
    {
      exitCode: exitCodes.localDisk,
      details: detailsOf(fetching, { done, whole }),
      hint: 'free space on its disk, then run the same command again',
    },
  )

/**
 * The KitError for what a request or its body failed with.
 * @returns a KitError with its own exit code and message, and `safe` among its details; for an error of Node exit 7
 *   when a certificate is not accepted, else exit 6 (DNS, connection, TLS, proxy)
 */
export function explainedFetch(thrown: unknown, fetching: Fetching, progress: Progress): KitError {
  if (thrown instanceof NotThere) return thrown
  if (thrown instanceof KitError) {
    const { exitCode, hint, details } = thrown
    const told = details.includes(fetching.safe) ? details : [...details, ...detailsOf(fetching, progress)]
    return new KitError(thrown.message, { exitCode, details: told, ...(hint && { hint }), cause: thrown })
  }
  const fail = (what: string, hint: string, exitCode: 6 | 7 = exitCodes.unreachable): KitError =>
    new KitError(titleOf(fetching, what), {
      exitCode,
      details: detailsOf(fetching, progress),
      hint,
      cause: thrown,
    })
  const message = shortened(messageOf(thrown), 200)
  const network = `look at the network of this machine, or name its proxy: export HTTPS_PROXY=http://proxy.example.com:3128; ${fetching.instead}`
  switch (networkFailureOf(thrown)) {
    case 'unknownName':
      return fail('a name is not known to DNS', network)
    case 'refused':
      return fail(`connection refused (${message})`, network)
    case 'silent':
      return fail(`no answer (${message})`, network)
    case 'noTls':
      return fail('it does not speak TLS', `correct the address; ${fetching.instead}`)
    case 'tlsRefused':
      return fail(`it ends the TLS handshake (${message})`, network)
    case 'untrusted':
      return fail(
        `its certificate is not accepted: ${message}`,
        'write the certificate of who signed it into ca.pem, then export NODE_EXTRA_CA_CERTS="$PWD/ca.pem" and run the same command again',
        exitCodes.trust,
      )
    case 'broken':
      return fail(`the connection broke (${message})`, progress.done > 0 ? again : network)
  }
}
