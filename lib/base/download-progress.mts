import { megabytes } from './download-errors.mts'

/** How much of a file has been received, updated during its download. */
export interface Counted {
  /** Bytes in the part. */
  done: number
  /** Bytes of the whole file; undefined when the server does not send its length. */
  whole: number | undefined
}

/** Milliseconds between two progress lines. */
const every = 5_000

/**
 * Makes a function that reports progress at most every 5 s: bytes received, bytes of the whole, and the seconds left at
 * the average rate since this function was made.
 * @param name of the file, as shown to operators
 * @param tell gets each line
 * @param now the clock, milliseconds
 */
export function createTeller(
  name: string,
  progress: Counted,
  tell: (text: string) => void,
  now: () => number = () => performance.now(),
): () => void {
  const [started, from] = [now(), progress.done]
  let next = started + every
  return () => {
    const at = now()
    if (at < next) return
    next = at + every
    const { done, whole } = progress
    if (whole === undefined) return tell(`${name}: ${megabytes(done)}`)
    const left = ((whole - done) * (at - started)) / (done - from) / 1000
    tell(`${name}: ${megabytes(done)} of ${megabytes(whole)}, ${Math.ceil(left)} s left`)
  }
}
