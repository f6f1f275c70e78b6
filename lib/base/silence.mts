import { interruption } from './signals.mts'

/** Aborts a transfer when no data has arrived for some time, or when the run is interrupted. */
export interface Silence {
  /** Aborted in both cases. */
  readonly signal: AbortSignal
  /** True once no data has arrived for that time. */
  readonly tooLong: boolean
  /** To be called when data has arrived: the time begins anew. */
  heard(): void
  /** To be called when the transfer is over: stops the timer. */
  end(): void
}

/** Makes a Silence and starts its timer. @param seconds without data after which it aborts */
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
