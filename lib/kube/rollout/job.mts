import { sendObjects, deleteObjects } from '../objects.mts'
import { messageOf } from '../../base/errors.mts'
import { jobError, waitForJob } from './job-wait.mts'
import { jobLabel, jobState } from '../manifests/jobs.mts'
import { nameOf, type Job, type LiveObject } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { log } from '../../base/log.mts'
import type { KnownFailure } from './failure.mts'
import type { Writes } from '../../base/writes.mts'

/** What ensureJob works with. */
export interface JobsOptions {
  readonly kubectl: Kubectl
  readonly writes: Writes
  readonly failures: readonly KnownFailure[]
  /** The module's live objects, Jobs among them. */
  readonly live: () => Promise<ReadonlyMap<string, LiveObject>>
}

/**
 * Ensures that a Job has completed, once for its image and inputs. Complete: nothing to do. Active, started by a run
 * that was killed: watched. Failed: its log shown, deleted, created again once. Older Jobs with the same task are
 * deleted. Under --plan nothing is waited for.
 * @throws KitError exit 5 or 9, see waitForJob and deleteObjects; what the write gate throws (Writes.make)
 */
export async function ensureJob(job: Job, { kubectl, writes, failures, live }: JobsOptions): Promise<void> {
  const same = [...(await live()).values()].filter((one) => doesTheSame(one, job))
  const found = same.find((one) => nameOf(one) === nameOf(job))
  const others = same.filter((one) => one !== found)
  const wait = (name: string) => waitForJob(kubectl, awaited(job, name), failures)
  if (found !== undefined && jobState(found) === 'complete') {
    if (!writes.planning) log.ok(`job/${found.metadata.name} was done before`)
  } else if (found !== undefined && jobState(found) === 'active') {
    if (!writes.planning) await wait(found.metadata.name)
  } else {
    if (!writes.planning) await letOthersEnd(others, wait)
    if (found !== undefined && !writes.planning) await showFailure(kubectl, found, failures)
    await writes.make([change(job, found)], async () => {
      if (found !== undefined) await deleteObjects(kubectl, [found], { wait: true })
      await sendObjects(kubectl, [job], { dryRun: false })
    })
    if (!writes.planning) await wait(job.metadata?.name ?? '')
  }
  if (others.length === 0) return
  await writes.make(
    others.map((one) => ({ sign: '-', what: nameOf(one) })),
    async () => void (await deleteObjects(kubectl, others, { wait: false })),
  )
}

const doesTheSame = ({ kind, metadata }: LiveObject, job: Job): boolean =>
  kind === 'Job' &&
  metadata.namespace === job.metadata?.namespace &&
  metadata.labels?.[jobLabel] === job.metadata?.labels?.[jobLabel]

const awaited = ({ metadata, spec }: Job, name: string) => ({
  namespace: metadata?.namespace ?? '',
  name,
  deadlineSeconds: spec?.activeDeadlineSeconds ?? 0,
})

const change = (job: Job, found: LiveObject | undefined) =>
  found === undefined
    ? ({ sign: '+', what: nameOf(job) } as const)
    : ({ sign: '~', what: nameOf(job), fields: ['it failed before: deleted and made again, once'] } as const)

/** Two migrations must not run at once. The result of an older one does not matter: this one does the work again. */
async function letOthersEnd(
  others: readonly LiveObject[],
  wait: (name: string) => Promise<void>,
): Promise<void> {
  for (const one of others) {
    if (jobState(one) !== 'active') continue
    log.waiting(`job/${one.metadata.name} of an earlier run is still there: until it has ended`)
    await wait(one.metadata.name).catch((thrown: unknown) => log.warn(messageOf(thrown)))
  }
}

async function showFailure(
  kubectl: Kubectl,
  found: LiveObject,
  failures: readonly KnownFailure[],
): Promise<void> {
  const { message, details, hint } = await jobError(kubectl, found, failures)
  log.warn([`${message} in an earlier run; it is made again`, ...details].join('\n      '), hint)
}
