import { interruption } from '../../base/signals.mts'
import { log } from '../../base/log.mts'
import type { Watched } from '../watch.mts'

/** A wait that watches the cluster instead of polling. */
export interface Waiting {
  readonly watched: readonly Watched[]
  readonly isDone: () => boolean
  /** Throws when the wait cannot succeed any more. @param seconds since it began */
  readonly failIfHopeless: (seconds: number) => Promise<void>
  /** The progress line: what is waited for now, and why. */
  readonly line: () => string
  /** Throws when it takes too long. @param seconds since it began @param still seconds since `line` changed last */
  readonly failIfLate: (line: string, seconds: number, still: number) => void
}

/** Seconds between two progress lines: when the line has changed, and when it has not. */
const [settling, heartbeat] = [2, 15]

/**
 * Waits, and logs progress lines. The watches of `begin` are stopped at the end, also after an error.
 * @param begin starts the watches; `onChange` must be called after each change
 * @throws what `failIfHopeless` and `failIfLate` throw; Cancelled (130) or KitError exit 143 on a signal
 */
export async function waitWatching(begin: (onChange: () => void) => Waiting): Promise<void> {
  const started = performance.now()
  let [wake, isChanged] = [() => {}, false]
  const onChange = () => {
    isChanged = true
    wake()
  }
  interruption.signal.addEventListener('abort', onChange)
  const waiting = begin(onChange)
  try {
    let [signature, moved, said, spoken] = ['', started, '', 0]
    for (;;) {
      interruption.throwIfAsked()
      isChanged = false
      if (waiting.isDone()) return
      await waiting.failIfHopeless((performance.now() - started) / 1000)
      const now = performance.now()
      const line = waiting.line()
      if (line !== signature) [signature, moved] = [line, now]
      waiting.failIfLate(line, (now - started) / 1000, (now - moved) / 1000)
      const since = (now - Math.max(spoken, started)) / 1000
      if (since > (line === said ? heartbeat : settling)) {
        log.waiting(`${line}, ${Math.round((now - started) / 1000)} s`)
        ;[said, spoken] = [line, now]
      }
      // Changed while something was asked: what was judged is older than that.
      if (isChanged) continue
      await new Promise<void>((resolve) => {
        // A time limit may pass without any change in the cluster.
        const timer = setTimeout(resolve, 2000)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  } finally {
    interruption.signal.removeEventListener('abort', onChange)
    await Promise.all(waiting.watched.map((one) => one.stop()))
  }
}
