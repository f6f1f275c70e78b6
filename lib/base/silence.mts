import { interruption } from './signals.mts'

/** Ends what is waited for when nothing has come for a while, or when the run is interrupted. */
export interface Silence {
  /** Aborted then. */
  readonly signal: AbortSignal
  /** True once nothing has come for that long. */
  readonly tooLong: boolean
  /** Something has come. */
  heard(): void
  /** It is over: nothing is waited for any more. */
  end(): void
}

/** @param seconds how long nothing may come */
export function boundSilence(seconds: number): Silence {
  const controller = new AbortController()
  let tooLong = false
  const timer = setTimeout(() => {
    tooLong = true
    controller.abort()
  }, seconds * 1000)
  return {
    signal: AbortSignal.any([controller.signal, interruption.signal]),
    get tooLong() {
      return tooLong
    },
    heard: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  }
}
