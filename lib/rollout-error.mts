import type { Diagnosis } from './diagnose.mts'
import { exitCodes, KitError } from './errors.mts'
import type { Kubectl } from './kubectl.mts'
import { record } from './log.mts'
import type { KnownFailure } from './module.mts'

/** The error for a rollout that cannot succeed, with the container's last lines and what they mean. */
export async function rolloutError(
  kubectl: Kubectl,
  namespace: string,
  name: string,
  { what, where, words, next, log: logOf }: Diagnosis,
  failures: readonly KnownFailure[],
): Promise<KitError> {
  const lines = logOf === undefined ? [] : await lastLines(kubectl, namespace, logOf)
  const known = failures.find(({ line }) => lines.some((one) => line.test(one)))
  // The line that tells comes first: what an application says while it ends often pushes it out of sight.
  const telling = lines.filter((one) => known?.line.test(one)).slice(-1)
  return new KitError(`deployment/${name} cannot start: ${what}`, {
    exitCode: exitCodes.rolloutFailed,
    details: [
      `${where}: ${words}`,
      ...[...new Set([...telling, ...lines.slice(-5)])].map((line) => `| ${line.slice(0, 200)}`),
      ...(known === undefined ? [] : [known.meaning]),
      'Nothing was deleted; pods that were serving before still serve.',
    ],
    hint: known?.next ?? next,
  })
}

async function lastLines(
  kubectl: Kubectl,
  namespace: string,
  { pod, container, previous }: NonNullable<Diagnosis['log']>,
): Promise<string[]> {
  const words = ['logs', pod, '--container', container, '--namespace', namespace, '--tail=40']
  // The container may be replaced between two calls; the log of whichever one is there says the same.
  const text = await kubectl.run(previous ? [...words, '--previous'] : words).catch(() => kubectl.run(words))
  record(`last lines of ${pod}/${container}:\n${text}`)
  return text.split('\n').filter((line) => line.trim() !== '')
}
