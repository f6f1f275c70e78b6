// Output of programs and servers is collected up to a limit and decoded as a whole: a chunk may end within a character.

/** Bytes of stdout or of a response body that are kept: all objects of a cluster together have a tenth of that. */
export const mostOutputBytes = 64 * 1024 * 1024

/** Bytes of stderr that are kept: its beginning. */
export const mostErrorBytes = 1024 * 1024

/** Collects bytes up to a limit. */
export interface Collector {
  /** Adds one chunk. @returns false once there is more than the limit; bytes beyond it are dropped */
  add(piece: Uint8Array): boolean
  /** All bytes that were kept, decoded as UTF-8. */
  text(): string
}

/** @param most bytes that are kept */
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
 * The text of an HTTP response body, as UTF-8.
 * @param most bytes
 * @throws Error when the body has more, or the error of the stream
 */
export async function textOf(body: AsyncIterable<Uint8Array> | null, most: number): Promise<string> {
  const collector = createCollector(most)
  for await (const piece of body ?? [])
    if (!collector.add(piece)) throw new Error(`it answers with more than ${inMebibytes(most)}`)
  return collector.text()
}

/** `64 MiB` */
export const inMebibytes = (bytes: number): string => `${bytes / 1024 / 1024} MiB`
