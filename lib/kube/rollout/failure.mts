import { shortened } from '../../base/sensitive.mts'
import type { Diagnosis } from './diagnosis.mts'
import { exitCodes, KitError, messageOf, unlessInterrupted } from '../../base/errors.mts'
import type { Kubectl } from '../kubectl.mts'
import { record } from '../../base/log.mts'
import { nextForNodes } from './nodes-away.mts'
import { interruption } from '../../base/signals.mts'

/**
 * The error (exit 9) for a workload or Job that cannot start, with the container's last log lines and their meaning. It
 * has none when the log cannot be fetched.
 * @param name `deployment/n8n-worker`
 * @param serving the text of availableText: how many pods serve meanwhile
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
    hint: known?.next ?? (await nextForNodes(kubectl, words, next)),
  })
}

/** Characters of a line that are matched: an expression such as /a.*b/ takes time quadratic in a line's length. */
const longestLine = 4000

/**
 * A container's last log lines as an error shows them, six at most, and the first KnownFailure that matches a line.
 * @param lines of the log, in order
 * @param failures the first that matches counts: specific ones first
 */
export function explainLines(
  lines: readonly string[],
  failures: readonly KnownFailure[],
): { lines: string[]; known: KnownFailure | undefined } {
  const short = lines.map((line) => shortened(line, longestLine))
  // An error that was survived long before the end is a reason only where the end has none.
  const among = (some: readonly string[]) => failures.find(({ line }) => some.some((one) => line.test(one)))
  const known = among(short.slice(-endLines)) ?? among(short)
  // The matching line comes first: lines written during shutdown often push it out of the last five.
  const telling = short.filter((one) => known?.line.test(one)).slice(-1)
  const shown = [...new Set([...telling, ...short.slice(-5)])].map((line) => `| ${shortened(line, 200)}`)
  return { lines: [...shown, ...(known === undefined ? [] : [known.meaning])], known }
}

/** Lines of a container's log that are fetched: what failed may be written 60 lines before the end of Python's traces. */
export const fetchedLines = 200

/** Lines at the end of a log in which a reason is looked for first. */
const endLines = 40

/** Bytes of a container's log that are fetched. */
const mostLogBytes = 4 * 1024 * 1024

/** What the kubelet answers, with status 200, in place of a log that is no longer there. */
const gone = 'unable to retrieve container logs'

/**
 * The last lines of a container's log, without empty ones; they are written to the run's log file too.
 * @returns empty when the log cannot be fetched
 * @throws Cancelled (130) or KitError exit 143 on a signal
 */
export async function lastLines(
  kubectl: Kubectl,
  namespace: string,
  { pod, container, previous }: NonNullable<Diagnosis['log']>,
): Promise<string[]> {
  const which = `container=${container}&tailLines=${fetchedLines}&limitBytes=${mostLogBytes}`
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?${which}`
  // The previous container's log may be gone by now: the current container's shows the same failure.
  const wanted = previous
    ? await kubectl.api.raw(`${path}&previous=true`).catch(unlessInterrupted(() => gone))
    : gone
  // A log that cannot be fetched must not hide why the container failed.
  const text = wanted.startsWith(gone)
    ? await kubectl.api.raw(path).catch(unlessInterrupted((thrown) => noLog(pod, thrown)))
    : wanted
  record(`last lines of ${pod}/${container}:\n${text}`)
  return text.split('\n').filter((line) => line.trim() !== '')
}

/** A log line of an application that cannot start, its meaning, and what to do next. */
export interface KnownFailure {
  readonly line: RegExp
  readonly meaning: string
  readonly next: string
}

/**
 * Records why a log cannot be fetched.
 * @param name of the pod or Job
 * @returns the text in its place: empty
 * @throws Cancelled (130) or KitError exit 143 when a signal was the reason
 */
export function noLog(name: string, thrown: unknown): string {
  interruption.throwIfAsked()
  record(`the log of ${name} cannot be fetched: ${messageOf(thrown)}`)
  return ''
}
