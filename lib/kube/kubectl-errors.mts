import { exitCodes, KitError } from '../base/errors.mts'
import type { Finished } from '../base/command.mts'
import { refusals, unreachable } from './kubectl-refusals.mts'
import { refusedInWords } from './refused.mts'
import { mostLines, mostWords, refusalError, unknownMeaning } from './server-errors.mts'
import { shortened } from '../base/sensitive.mts'

// Errors of kubectl processes: what they mean, and their exit codes.

/** True for a line of kubectl's logger (klog): about attempts on the way, such as a metrics API that still starts. */
const isLogged = (line: string): boolean => /^[EIWF]\d{4} /.test(line)

/**
 * The lines of stderr that say why the command failed: not those of kubectl's logger, nor warnings of the API server.
 * All lines when there are no others.
 */
function reasonsIn(stderr: string): string[] {
  const lines = stderr.split('\n').filter((line) => line !== '')
  const reasons = lines.filter((line) => !isLogged(line) && !line.startsWith('Warning: '))
  return reasons.length === 0 ? lines : reasons
}

/** The program in a pod has ended with this code: the text before it is the program's own, not the API server's. */
const endedInPod = /command terminated with exit code (\d+)/

/** How a kubectl process failed. */
type Failed = Pick<Finished, 'code' | 'stderr'>

/**
 * The error for a kubectl process that failed: for what the API server answered, see refusalError; else what kubectl's
 * own words mean and what to do.
 * @param words the command's arguments: `exec`, `web-1`
 * @returns as refusalError, or KitError exit 3 (a login program is missing, K3s cannot unpack its kubectl), 6 (API server
 * or proxy unreachable), 7 (certificate not trusted), 8 (no credentials), 9 (all others)
 */
export function kubectlError(words: readonly string[], { code, stderr: said }: Failed): KitError {
  const stderr = shortened(said, mostWords)
  const reasons = reasonsIn(stderr).join('\n')
  const ended = words[0] === 'exec' && endedInPod.test(reasons)
  const refused = ended ? undefined : refusedInWords(reasons)
  if (refused !== undefined) return refusalError(words, refused)
  const details = stderr
    .trim()
    .split('\n')
    // klog lines repeat the last line, with source positions of kubectl.
    .filter((line) => line !== '' && !isLogged(line))
    .slice(-mostLines)
  const known = ended ? undefined : refusals.find((refusal) => refusal.words.test(reasons))
  const { what, exitCode, hint } = known ?? unknownMeaning(words, code)
  // kubectl's error about an unreachable server does not mention the proxy it used.
  if (exitCode === exitCodes.unreachable && what === unreachable.what && hasProxy())
    details.push('HTTPS_PROXY is set: kubectl asks that proxy for every address NO_PROXY does not name')
  return new KitError(typeof what === 'string' ? what : what(known?.words.exec(reasons) ?? []), {
    exitCode,
    details,
    hint,
  })
}

const hasProxy = (): boolean =>
  ['HTTPS_PROXY', 'https_proxy'].some((name) => (process.env[name] ?? '') !== '')
