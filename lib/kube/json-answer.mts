import { shownWords } from '../base/command.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'

/**
 * Parses JSON from kubectl or from the API server.
 * @param words the command, without `kubectl`, for the error
 * @throws KitError exit 3 when it is not JSON: a wrapper around kubectl, or a proxy, wrote something else
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
