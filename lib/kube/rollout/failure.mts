import { shortened } from '../../base/sensitive.mts'
import type { Diagnosis } from './diagnosis.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import type { Kubectl } from '../kubectl.mts'
import { record } from '../../base/log.mts'

/**
 * The error for something that cannot start, with the container's last lines and what they mean.
 * @param name `deployment/n8n-worker`
 * @param serving how many pods serve meanwhile, as it was seen
 */
export async function rolloutError(
  kubectl: Kubectl,
  namespace: string,
  name: string,
  { what, where, words, next, log: logOf }: Diagnosis,
  { failures, serving }: { failures: readonly KnownFailure[]; serving?: string | undefined },
): Promise<KitError> {
  const { lines, known } = explainLines(
    logOf === undefined ? [] : await lastLines(kubectl, namespace, logOf),
    failures,
  )
  return new KitError(`${name} cannot start: ${what}`, {
    exitCode: exitCodes.rolloutFailed,
    details: [`${where}: ${words}`, ...lines, ...(serving === undefined ? [] : [serving])],
    hint: known?.next ?? next,
  })
}

/** Characters of a line that are looked at: an expression such as /a.*b/ takes the square of a line's length. */
const longestLine = 4000

/** The last lines of a container as an error shows them, and the module's own word on them. */
export function explainLines(
  lines: readonly string[],
  failures: readonly KnownFailure[],
): { lines: string[]; known: KnownFailure | undefined } {
  const short = lines.map((line) => shortened(line, longestLine))
  const known = failures.find(({ line }) => short.some((one) => line.test(one)))
  // The line that tells comes first: what an application says while it ends often pushes it out of sight.
  const telling = short.filter((one) => known?.line.test(one)).slice(-1)
  const shown = [...new Set([...telling, ...short.slice(-5)])].map((line) => `| ${shortened(line, 200)}`)
  return { lines: [...shown, ...(known === undefined ? [] : [known.meaning])], known }
}

/** Bytes of a container's last lines that are fetched. */
const mostLogBytes = 4 * 1024 * 1024

/** What kubectl prints, with exit 0, in place of a log that is no longer there. */
const gone = 'unable to retrieve container logs'

/** The last lines a container wrote; the whole of them goes into the log of the run. */
export async function lastLines(
  kubectl: Kubectl,
  namespace: string,
  { pod, container, previous }: NonNullable<Diagnosis['log']>,
): Promise<string[]> {
  const words = [
    'logs',
    pod,
    '--container',
    container,
    '--namespace',
    namespace,
    '--tail=40',
    `--limit-bytes=${mostLogBytes}`,
  ]
  // The container may be replaced between two calls, or its log be gone: that of whichever one is there says the same.
  const wanted = previous ? await kubectl.run([...words, '--previous']).catch(() => gone) : gone
  const text = wanted.startsWith(gone) ? await kubectl.run(words) : wanted
  record(`last lines of ${pod}/${container}:\n${text}`)
  return text.split('\n').filter((line) => line.trim() !== '')
}

/** A line an application writes when it cannot start, and what an operator has to know then. */
export interface KnownFailure {
  readonly line: RegExp
  readonly meaning: string
  readonly next: string
}
