import { sendObjects, deleteObjects } from '../objects.mts'
import { exitCodes, KitError, unlessInterrupted } from '../../base/errors.mts'
import { letEnd } from './earlier-jobs.mts'
import { awaited, jobError, waitForJob } from './job-wait.mts'
import { hasNotBegun, jobLabel, jobState } from '../manifests/jobs.mts'
import { nameOf, type Job, type LiveObject } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { log } from '../../base/log.mts'
import type { KnownFailure } from './failure.mts'
import type { Change, Writes } from '../../base/writes.mts'

/** What ensureJob works with. */
export interface JobsOptions {
  readonly kubectl: Kubectl
  readonly writes: Writes
  readonly failures: readonly KnownFailure[]
  /** The module's live objects, Jobs among them. */
  readonly live: () => Promise<ReadonlyMap<string, LiveObject>>
  /** Runs before the Job is created, and only then; it writes through the same gate. */
  readonly before?: () => Promise<void>
}

/**
 * Ensures that a Job has completed, once for its image and inputs, as the last one with its task. A complete Job is
 * kept, unless another one with the task was created after it: that one's result is not ours, so it is created again.
 * An active one, started by a run that was killed, is watched. Of a failed one the log is shown; it is deleted and
 * created again once. Other Jobs with the same task are deleted, those that have not begun first. A Job that does not
 * begin is deleted too, so that it does not run later without a run of the kit. Under --plan nothing is waited for.
 * @throws KitError exit 5 or 9, see waitForJob; exit 9, see deleteObjects, and while another Job with the task may still
 * run, see letEnd; see also sendObjects, Api and Writes.make
 */
export async function ensureJob(
  job: Job,
  { kubectl, writes, failures, live, before }: JobsOptions,
): Promise<void> {
  const same = [...(await live()).values()].filter((one) => doesTheSame(one, job))
  const found = same.find((one) => nameOf(one) === nameOf(job))
  const idle = same.filter((one) => one !== found && hasNotBegun(one))
  const others = same.filter((one) => one !== found && !idle.includes(one))
  const later = found && same.find((one) => createdAt(one) > createdAt(found))
  const wait = async (one: Job) => {
    try {
      await waitForJob(kubectl, awaited(one), failures)
    } catch (thrown) {
      throw await withoutIdleJob(thrown, one, { kubectl, writes })
    }
  }
  if (idle.length > 0) {
    await writes.make(
      idle.map((one) => ({ sign: '-', what: nameOf(one) })),
      async () => void (await deleteObjects(kubectl, idle, { wait: true })),
    )
  }
  if (isDone(job, same)) {
    if (!writes.planning) log.ok(`job/${job.metadata?.name} was done before`)
  } else if (found !== undefined && jobState(found) === 'active') {
    if (!writes.planning) await wait(found as unknown as Job)
  } else {
    if (!writes.planning) await letEnd(others, job, { kubectl, writes, failures })
    if (found !== undefined && jobState(found) === 'failed' && !writes.planning)
      await showFailure(kubectl, found, failures)
    await before?.()
    await writes.make([change(job, found, later)], async () => {
      if (found !== undefined) await deleteObjects(kubectl, [found], { wait: true })
      await sendObjects(kubectl, [job], { dryRun: false })
    })
    if (!writes.planning) await wait(job)
  }
  if (others.length === 0) return
  await writes.make(
    others.map((one) => ({ sign: '-', what: nameOf(one) })),
    async () => void (await deleteObjects(kubectl, others, { wait: false })),
  )
}

/** True when ensureJob keeps the Job: it is complete, and the last one with its task. @param live objects of the module */
export function isDone(job: Job, live: Iterable<LiveObject>): boolean {
  const same = [...live].filter((one) => doesTheSame(one, job))
  const found = same.find((one) => nameOf(one) === nameOf(job))
  return (
    found !== undefined &&
    jobState(found) === 'complete' &&
    !same.some((one) => createdAt(one) > createdAt(found))
  )
}

const doesTheSame = ({ kind, metadata }: LiveObject, job: Job): boolean =>
  kind === 'Job' &&
  metadata.namespace === job.metadata?.namespace &&
  metadata.labels?.[jobLabel] === job.metadata?.labels?.[jobLabel]

/** When an object was created (ISO 8601, UTC); empty when it is not known. */
const createdAt = ({ metadata }: LiveObject): string => metadata.creationTimestamp ?? ''

function change(job: Job, found: LiveObject | undefined, later: LiveObject | undefined): Change {
  if (found === undefined) return { sign: '+', what: nameOf(job) }
  const why =
    jobState(found) === 'failed' || later === undefined
      ? 'it failed before: deleted and made again, once'
      : `job/${later.metadata.name} came after it: deleted and made again`
  return { sign: '~', what: nameOf(job), fields: [why] }
}

/** The error of a wait that failed. After exit 9 a Job that has not begun is deleted: no run would wait for it. */
async function withoutIdleJob(
  thrown: unknown,
  job: Job,
  { kubectl, writes }: Pick<JobsOptions, 'kubectl' | 'writes'>,
): Promise<unknown> {
  if (!(thrown instanceof KitError) || thrown.exitCode !== exitCodes.rolloutFailed) return thrown
  const { namespace, name = '' } = job.metadata ?? {}
  const live = await kubectl.api.get('jobs.batch', name, namespace).catch(unlessInterrupted(() => undefined))
  if (live === undefined || !hasNotBegun(live)) return thrown
  await writes.make(
    [{ sign: '-', what: nameOf(live) }],
    async () => void (await deleteObjects(kubectl, [live], { wait: false })),
  )
  const { message, exitCode, details, hint } = thrown
  return new KitError(message, {
    exitCode,
    details: [...details, 'The Job was deleted: it had not begun, and would have run later, alone.'],
    ...(hint === undefined ? {} : { hint }),
    cause: thrown,
  })
}

async function showFailure(
  kubectl: Kubectl,
  found: LiveObject,
  failures: readonly KnownFailure[],
): Promise<void> {
  const { message, details, hint } = await jobError(kubectl, found, failures)
  log.warn([`${message} in an earlier run; it is made again`, ...details].join('\n      '), hint)
}
