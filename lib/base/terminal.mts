/** True when somebody can answer: a terminal on both ends, and nobody said not to ask. */
export const interactive = (noInput: boolean): boolean =>
  process.stdin.isTTY && process.stderr.isTTY && !noInput && !/^(1|true|yes)$/i.test(process.env['CI'] ?? '')
