/**
 * Makes a function that runs tasks in the order in which it gets them, at most `most` at a time.
 * @returns a function that settles as its task does
 */
export function createLimit(most: number): <T>(act: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (act) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    running += 1
    try {
      return await act()
    } finally {
      running -= 1
      waiting.shift()?.()
    }
  }
}

/**
 * Gives back a promise that is awaited only after other work. What it rejects with until then is kept for whoever awaits
 * it: Node would report it as unhandled, which ends the whole run.
 */
export function awaitedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {
    // Thrown where it is awaited.
  })
  return promise
}
