// Output of programs and servers is collected up to a limit and decoded as a whole: a chunk may end within a character.

/** Most bytes of stdout or of a response body that are kept: ten times what all objects of a cluster have together. */
export const mostOutputBytes = 64 * 1024 * 1024

/** Most bytes of stderr that are kept, from its beginning. */
export const mostErrorBytes = 1024 * 1024

/** Collects bytes up to a limit. */
export interface Collector {
  /** Adds one chunk. @returns false once there is more than the limit; bytes beyond it are dropped */
  add(piece: Uint8Array): boolean
  /** All bytes that were kept, decoded as UTF-8. */
  text(): string
}

/** Makes a Collector. @param most bytes that are kept */
export function createCollector(most: number): Collector {
  const pieces: Uint8Array[] = []
  let bytes = 0
  return {
    add(piece) {
      const room = most - bytes
      bytes += piece.length
      if (room > 0) pieces.push(piece.length > room ? piece.subarray(0, room) : piece)
      return bytes <= most
    },
    text: () => Buffer.concat(pieces).toString('utf8'),
  }
}

/**
 * Reads an HTTP response body as UTF-8 text.
 * @param most bytes it may have
 * @returns an empty text for null, a response without a body
 * @throws Error when the body has more bytes, or the error of the stream
 */
export async function textOf(body: AsyncIterable<Uint8Array> | null, most: number): Promise<string> {
  const collector = createCollector(most)
  for await (const piece of body ?? [])
    if (!collector.add(piece)) throw new Error(`it answers with more than ${inMebibytes(most)}`)
  return collector.text()
}

/** A number of bytes as text in MiB: `64 MiB`. */
export const inMebibytes = (bytes: number): string => `${bytes / 1024 / 1024} MiB`
