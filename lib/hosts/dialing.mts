/** The opening of one host's connection, beside those of others. */
export interface Attempt {
  /** Aborted when this host is given up. */
  readonly signal: AbortSignal
  /** To be called when the host has accepted a TCP connection: it has its whole time for the rest. */
  accepted(): void
  /** To be called when the connection is open, or has failed. */
  end(): void
}

/**
 * Starts attempts so that a dead host does not hold up the others: one that has accepted no TCP connection 3 s after
 * the last of the others has is given up; a lost SYN is repeated by Linux after 1 s. While none has accepted one, each has
 * its whole time: it may be the network of this machine that is slow.
 * @param graceMs milliseconds, 3000 unless given
 * @returns makes the attempt of one host; those of all hosts must be made before the first is accepted
 */
export function createDialing(graceMs = 3_000): () => Attempt {
  const waiting = new Set<AbortController>()
  let timer: NodeJS.Timeout | undefined
  return () => {
    const givenUp = new AbortController()
    waiting.add(givenUp)
    const leave = () => {
      waiting.delete(givenUp)
      if (waiting.size === 0) clearTimeout(timer)
    }
    return {
      signal: givenUp.signal,
      accepted() {
        // A second connection to the same host gives the others no more time.
        if (!waiting.has(givenUp)) return
        leave()
        clearTimeout(timer)
        if (waiting.size > 0) timer = setTimeout(() => waiting.forEach((one) => one.abort()), graceMs)
      },
      end: leave,
    }
  }
}
