import type { IncomingMessage } from 'node:http'
import type { FileHandle } from 'node:fs/promises'
import {
  explainedFetch,
  megabytes,
  noRoom,
  refusedBy,
  silentFor,
  tooLong,
  type Fetching,
} from './download-errors.mts'
import { createTeller, type Counted } from './download-progress.mts'
import { diskError, shownPath } from './files.mts'
import { httpsGet } from './https-get.mts'
import { log } from './log.mts'
import { dropPart, findPart, hasRoom, openPart, partOf, type PartOrigin } from './part-file.mts'
import { interruption } from './signals.mts'
import { boundSilence, type Silence } from './silence.mts'

/** A file to be downloaded. */
export interface Download extends Fetching {
  /** Most bytes it may have. */
  readonly mostBytes: number
  /** Seconds without data after which the download fails. */
  readonly silentSeconds: number
  /** Writes one chunk at its offset; replaced only in tests of a full disk. */
  readonly write?: (file: FileHandle, piece: Uint8Array, at: number) => Promise<unknown>
}

/**
 * Downloads a file into its part, resuming where an earlier run ended. The caller verifies the part and renames it with
 * `placePart`. After an error the bytes received stay for the next run, unless the file is too long.
 * @throws KitError exit 2 when HTTPS_PROXY or ALL_PROXY names no HTTP proxy; exit 3 when the server has no such file
 *   (NotThere), it is too long, or there are too many redirects; exit 6 for DNS, a connection that fails, breaks or is
 *   silent, or any other HTTP status; exit 7 for a certificate that is not accepted, or a redirect to an address
 *   without TLS; exit 8 when server or proxy refuses; exit 12 when the disk is full or a file cannot be written;
 *   Cancelled (130) or KitError exit 143 on a signal
 */
export async function fetchPart(download: Download): Promise<void> {
  const { url, path, silentSeconds } = download
  const found = findPart(path, url.href)
  if (found !== undefined && found.done === found.bytes) return
  const started = performance.now()
  const silence = boundSilence(silentSeconds)
  const progress = { done: found?.done ?? 0, whole: found?.bytes }
  try {
    const response = await open(download, found, silence)
    const resumed = response.statusCode === 206
    progress.done = resumed ? progress.done : 0
    progress.whole = resumed ? found?.bytes : lengthOf(response)
    await receive(response, download, silence, progress)
  } catch (thrown) {
    interruption.throwIfAsked()
    throw silence.tooLong
      ? silentFor(silentSeconds, download, progress)
      : explainedFetch(thrown, download, progress)
  } finally {
    silence.end()
  }
  log.ok(`${shownPath(path)}: ${megabytes(progress.done)} from ${url.host}`, started)
}

/** The response with the file, or with the rest of it (206). @throws the errors of refusedBy and httpsGet */
async function open(
  download: Download,
  part: (PartOrigin & { readonly done: number }) | undefined,
  silence: Silence,
): Promise<IncomingMessage> {
  const ask = (headers: Readonly<Record<string, string>>) =>
    httpsGet(download.url, { 'user-agent': 'keybuzz-installer', ...headers }, silence.signal)
  let response = await ask(
    part === undefined ? {} : { range: `bytes=${part.done}-`, 'if-range': part.validator },
  )
  const { statusCode } = response
  if (part !== undefined && (statusCode === 416 || (statusCode === 206 && !isRestOf(response, part)))) {
    response.destroy()
    response = await ask({})
  }
  silence.heard()
  if (response.statusCode === 200 || (response.statusCode === 206 && part !== undefined)) return response
  response.destroy()
  throw refusedBy(response, download)
}

/** True for a response with the rest of the same file, from the byte at which the local part ends. */
function isRestOf({ headers }: IncomingMessage, part: PartOrigin & { readonly done: number }): boolean {
  const [, from, whole] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
  const validator = validatorOf(headers)
  return (
    Number(from) === part.done &&
    Number(whole) === part.bytes &&
    (validator === undefined || validator === part.validator)
  )
}

/** The value for If-Range: a strong ETag, else Last-Modified (RFC 9110, 13.1.5). */
const validatorOf = ({ etag, 'last-modified': changed }: IncomingMessage['headers']): string | undefined =>
  etag !== undefined && !etag.startsWith('W/') ? etag : changed

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'] ?? ''
  return /^\d+$/.test(length) ? Number(length) : undefined
}

/**
 * Writes the body into the part.
 * @throws KitError exit 3 when it is too long, exit 12 when the disk does not take it; the error of Node when the
 *   connection breaks
 */
async function receive(
  response: IncomingMessage,
  download: Download,
  silence: Silence,
  progress: Counted,
): Promise<void> {
  const { path, mostBytes, write = writeWhole } = download
  const { done: from, whole } = progress
  if ((whole ?? 0) > mostBytes) {
    response.destroy()
    throw tooLong(mostBytes, download)
  }
  const validator = validatorOf(response.headers)
  const origin =
    validator === undefined || whole === undefined
      ? undefined
      : { url: download.url.href, validator, bytes: whole }
  const file = await openPart(path, origin, from)
  try {
    if (whole !== undefined && !hasRoom(path, whole - from)) throw noRoom(download, progress)
    const tell = createTeller(shownPath(path), progress, (text) => log.waiting(text))
    for await (const piece of response as AsyncIterable<Buffer>) {
      silence.heard()
      if (progress.done + piece.length > mostBytes) {
        dropPart(path)
        throw tooLong(mostBytes, download)
      }
      await write(file, piece, progress.done).catch((cause: unknown) => {
        throw diskError(partOf(path), cause)
      })
      progress.done += piece.length
      tell()
    }
  } finally {
    response.destroy()
    // A network file system may report a full disk only here.
    await file.close().catch((cause: unknown) => {
      throw diskError(partOf(path), cause)
    })
  }
}

async function writeWhole(file: FileHandle, piece: Uint8Array, at: number): Promise<void> {
  let written = 0
  while (written < piece.length)
    written += (await file.write(piece, written, piece.length - written, at + written)).bytesWritten
}
