let open = 0

/** Whether a question is open. Not in prompt.mts: code that asks no question need not load clack. */
export const questions = {
  isOpen: (): boolean => open > 0,
  /** Counts a question as open until `asking` settles. @throws what `asking` rejects with */
  async during<T>(asking: Promise<T>): Promise<T> {
    open += 1
    try {
      return await asking
    } finally {
      open -= 1
    }
  },
}

/** True when questions may be asked: stdin and stderr are terminals, and neither --no-input nor CI is set. */
export const interactive = (noInput: boolean): boolean =>
  process.stdin.isTTY && process.stderr.isTTY && !noInput && !/^(1|true|yes)$/i.test(process.env['CI'] ?? '')
