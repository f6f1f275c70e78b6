import { exitCodes, isInterruption, KitError, messageOf } from '../../base/errors.mts'
import { log } from '../../base/log.mts'
import type { Writes } from '../../base/writes.mts'
import type { Kubectl } from '../kubectl.mts'
import { hasNotBegun, jobState } from '../manifests/jobs.mts'
import { deleteObjects, waitUntilGone } from '../objects.mts'
import { mayRun } from '../pods.mts'
import { nameOf, type Job, type LiveObject } from '../types.mts'
import type { KnownFailure } from './failure.mts'
import { awaited, podsOfJob, waitForJob } from './job-wait.mts'

/** What letEnd works with. */
interface LetEndOptions {
  readonly kubectl: Kubectl
  readonly writes: Writes
  readonly failures: readonly KnownFailure[]
}

/**
 * Waits until active Jobs of an earlier run have ended: two migrations must not run at once. How they end does not
 * matter: the work is done again. One whose pod cannot begin any more is deleted.
 * @param next the Job that is started after them
 * @throws KitError exit 9 when one of them, or its pod, may still run; exit 6 when that cannot be known; exit 130 or 143
 * on a signal; see also Api and Writes.make
 */
export async function letEnd(
  jobs: readonly LiveObject[],
  next: Job,
  { kubectl, writes, failures }: LetEndOptions,
): Promise<void> {
  for (const one of jobs) {
    if (jobState(one) !== 'active') continue
    log.waiting(`job/${one.metadata.name} of an earlier run is still there: until it has ended`)
    try {
      await waitForJob(kubectl, awaited(one as unknown as Job), failures)
    } catch (thrown) {
      await requireEnded(one, thrown, next, { kubectl, writes })
      log.warn(messageOf(thrown))
    }
  }
}

/** Throws unless the Job whose wait failed has ended, or is gone with its pods. @param thrown why the wait failed */
async function requireEnded(
  job: LiveObject,
  thrown: unknown,
  next: Job,
  { kubectl, writes }: Omit<LetEndOptions, 'failures'>,
): Promise<void> {
  // Without an answer of the API server nobody knows: asking again would only wait once more.
  if (!(thrown instanceof KitError) || isInterruption(thrown)) throw thrown
  if (thrown.exitCode === exitCodes.unreachable) throw notStarted(thrown, next)
  const { name, namespace } = job.metadata
  const live = await kubectl.api.get('jobs.batch', name, namespace)
  if (live === undefined || live.metadata.uid !== job.metadata.uid) {
    const pods = await podsOfJob(kubectl, job)
    return waitUntilGone(kubectl, pods.filter(mayRun))
  }
  if (jobState(live) !== 'active') return
  if (!hasNotBegun(live)) throw notStarted(thrown, next)
  await writes.make(
    [{ sign: '-', what: nameOf(live) }],
    async () => void (await deleteObjects(kubectl, [live], { wait: true })),
  )
}

function notStarted(thrown: KitError, next: Job): KitError {
  const { message, exitCode, details, hint } = thrown
  const why = `job/${next.metadata?.name} was not started: two Jobs with the same task must not run at once.`
  return new KitError(message, { exitCode, details: [...details, why], ...(hint && { hint }), cause: thrown })
}
