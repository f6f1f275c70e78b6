import { exitCodes, KitError } from '../base/errors.mts'
import type { Finished } from '../base/command.mts'
import { nameOf, type LiveObject } from './types.mts'
import { away, objectIn, refusals } from './kubectl-refusals.mts'
import { shortened } from '../base/sensitive.mts'
import { written } from '../base/written.mts'

// What kubectl's errors mean, and their exit codes.

/** Characters of kubectl's stderr that are searched. */
const mostWords = 20_000

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

/** The resourceVersion that was sent is no longer the object's (HTTP 409). */
const isModified = /the object has been modified/

/** Exit 5: an object was written by another client after it was read. */
export class ObjectModified extends KitError {
  constructor(details: readonly string[]) {
    super('the object was changed by somebody else since it was compared', {
      exitCode: exitCodes.conflict,
      details,
      hint: 'run the same command again; see who else writes to it: kubectl get ... -o yaml --show-managed-fields',
    })
  }
}

/** How kubectl, or a request in its place, failed. */
export interface Failed extends Pick<Finished, 'code' | 'stderr'> {
  /** HTTP status of the API server's answer; undefined for a kubectl process, and without an answer. */
  readonly status?: number
  /** Status.reason of the answer: `Conflict` */
  readonly reason?: string
}

/** True for an answer that says no to the request itself: words of it may be those of a server that is away. */
const isRefusal = ({ status = 0 }: Failed): boolean => status >= 400 && status < 500 && status !== 429

/**
 * The error for a kubectl command that failed: what its stderr means and what to do. Of an answer of the API server,
 * status and reason say whether it may be tried again; its words say what to do.
 * @param words the command's arguments: `get`, `pods`
 * @param sent the object on its stdin
 * @returns ObjectModified (5), or KitError exit 3 (a login program is missing, K3s cannot unpack its kubectl), 5 (namespace is being deleted, volume
 * cannot be resized), 6 (API server or proxy unreachable), 7 (certificate not trusted), 8 (no credentials,
 * unauthorized, forbidden, denied by a policy), 9 (all others: quota, webhook without an answer, etcd is full, unknown)
 */
export function kubectlError(words: readonly string[], failed: Failed, sent?: unknown): KitError {
  const { code, status, reason } = failed
  const stderr = shortened(failed.stderr, mostWords)
  const reasons = reasonsIn(stderr).join('\n')
  // kubectl's advice after a conflict is about its own flags.
  const details = stderr
    .replace(/\n?Please review the fields above--[\s\S]*/, '')
    .trim()
    .split('\n')
    // klog lines repeat the last line, with source positions of kubectl.
    .filter((line) => line !== '' && !isLogged(line))
    .slice(-4)
  // A deletion names the uid alone: another one of its name is no object that somebody has changed.
  const isOutdated = status === 409 && reason === 'Conflict' && words[0] !== 'delete'
  if (status === undefined ? isModified.test(reasons) : isOutdated) return new ObjectModified(details)
  const known =
    words[0] === 'exec' && endedInPod.test(reasons)
      ? undefined
      : refusals.find(
          (refusal) =>
            refusal.words.test(reasons) && !(isRefusal(failed) && refusal.exitCode === exitCodes.unreachable),
        )
  // kubectl's error about an unreachable server does not mention the proxy it used.
  if (known?.words === away && hasProxy())
    details.push('HTTPS_PROXY is set: kubectl asks that proxy for every address NO_PROXY does not name')
  const found = known?.words.exec(reasons) ?? undefined
  if (known === undefined || found === undefined) {
    return new KitError(`kubectl ${shortWords(words)} failed (exit ${code})`, {
      exitCode: exitCodes.rolloutFailed,
      details,
      hint: 'the lines above are kubectl’s own; the log has the whole command',
    })
  }
  const { what, exitCode, hint, isAdmission = false } = known
  if (isAdmission) details.push(written())
  return new KitError(typeof what === 'string' ? what : what(found, objectIn(reasons, nameIn(sent))), {
    exitCode,
    details,
    hint: typeof hint === 'string' ? hint : hint(found),
  })
}

/** The command in two words, what it does and to what: `exec web-1`, `get --raw`. @param words its arguments */
function shortWords([verb = '', ...words]: readonly string[]): string {
  const at = words.indexOf('--namespace')
  const [what = ''] = at === 0 ? words.slice(2) : words
  return `${verb} ${what}`.trim()
}

/** The name of the object that was sent; undefined when it has none. */
function nameIn(sent: unknown): string | undefined {
  const one = sent as Partial<LiveObject> | undefined
  return one?.metadata?.name === undefined ? undefined : nameOf(one as LiveObject)
}

const hasProxy = (): boolean =>
  ['HTTPS_PROXY', 'https_proxy'].some((name) => (process.env[name] ?? '') !== '')
