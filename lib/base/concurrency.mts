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
