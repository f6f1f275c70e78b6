let open = 0

/** Whether a question waits for its answer. Counted apart from prompt.mts: who asks nothing need not load clack. */
export const questions = {
  isOpen: (): boolean => open > 0,
  async during<T>(asking: Promise<T>): Promise<T> {
    open += 1
    try {
      return await asking
    } finally {
      open -= 1
    }
  },
}

/** True when somebody can answer: a terminal on both ends, and nobody said not to ask. */
export const interactive = (noInput: boolean): boolean =>
  process.stdin.isTTY && process.stderr.isTTY && !noInput && !/^(1|true|yes)$/i.test(process.env['CI'] ?? '')
