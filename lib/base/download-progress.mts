import { megabytes } from './download-errors.mts'

/** How far a file came that is fetched right now. */
export interface Counted {
  /** Bytes that are in the part. */
  done: number
  /** Bytes of the whole; undefined when its server does not say. */
  whole: number | undefined
}

/** Milliseconds between two lines. */
const every = 5_000

/**
 * Makes a function that tells how far it came, when some seconds have passed: bytes done, bytes of the whole, seconds left
 * by what came since.
 * @param name of the file
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
