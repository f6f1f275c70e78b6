import { shownWords } from '../base/command.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'

/**
 * Parses what kubectl, or the API server in its place, has answered.
 * @param words the command, without `kubectl`
 * @throws KitError exit 3 when something else was written: by a wrapper around kubectl, by a proxy on the way
 */
export function jsonIn(text: string, words: readonly string[]): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new KitError(`${shownWords(['kubectl', ...words])} did not answer in JSON`, {
      exitCode: exitCodes.preflight,
      details: [shortened(text.trim().split('\n')[0] ?? '', 200)],
      hint: 'set KEYBUZZ_KUBECTL to the path of a kubectl that writes nothing else to stdout',
      cause,
    })
  }
}
