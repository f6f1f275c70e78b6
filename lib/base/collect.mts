// Bytes of others are collected up to a limit, and decoded once they are all there: a piece may end within a character.

/** Bytes of one answer that are kept: a cluster's every object has a tenth of it. More is no answer. */
export const mostOutputBytes = 64 * 1024 * 1024

/** Bytes of an error's words that are kept: their beginning. */
export const mostErrorBytes = 1024 * 1024

export interface Collector {
  /** Takes one more piece. @returns false once there is more than the limit; what is more is dropped */
  add(piece: Uint8Array): boolean
  /** Everything that was taken, as UTF-8. */
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
 * The text of an answer's body.
 * @param most bytes
 * @throws Error when it has more, or whatever breaks the stream
 */
export async function textOf(body: AsyncIterable<Uint8Array> | null, most: number): Promise<string> {
  const collector = createCollector(most)
  for await (const piece of body ?? [])
    if (!collector.add(piece)) throw new Error(`it answers with more than ${inMebibytes(most)}`)
  return collector.text()
}

export const inMebibytes = (bytes: number): string => `${bytes / 1024 / 1024} MiB`
