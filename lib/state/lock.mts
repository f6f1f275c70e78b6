import { exitCodes, KitError } from '../base/errors.mts'
import {
  holderOf,
  isHeld,
  leaseFor,
  processOf,
  released,
  renewed,
  type Lease,
  writeLease,
  readLease,
  writeWords,
} from './lease.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { record } from '../base/log.mts'
import { processIdentity } from './process-identity.mts'
import { waitForLease } from './lock-wait.mts'
import { sendObjects } from '../kube/objects.mts'
import { systemNamespace } from '../base/names.mts'
import { namespace } from '../kube/manifests/objects.mts'

/** One run at a time on a cluster (DESIGN section 6, Lock). */
export interface Lock {
  /** True when another run held it in between: what was read before may be old. */
  readonly waited: boolean
  /** Renews it, which proves that it is still ours. @throws KitError exit 11 when another run has taken it */
  require(): Promise<void>
  /** Lets the next run begin at once. Never throws: the lease ends by itself otherwise. */
  release(): Promise<void>
}

export interface LockOptions {
  readonly kubectl: Kubectl
  /** The lease as it was last read. */
  readonly found: Lease | undefined
  /** Who wants it and what for: `root@admin, 12_n8n (staging)`. */
  readonly holder: string
  /** Waits for a run that is alive, instead of giving up. */
  readonly wait: boolean
}

/** Milliseconds between two renewals: a third of the lease, so that two may be lost. */
const renewEvery = 5000

/**
 * Takes the cluster for one run of one module, and keeps it until released.
 * @throws KitError exit 11 when another run is alive
 */
export async function takeLock({ kubectl, found, holder, wait }: LockOptions): Promise<Lock> {
  const identity = processIdentity()
  let lease = found
  let waited = false
  for (;;) {
    if (lease !== undefined && isHeld(lease)) {
      waited = true
      lease = await waitForLease(kubectl, lease, { wait })
    }
    const wanted = leaseFor(lease, holder, identity)
    const taken = await writeLease(kubectl, wanted)
    if (taken !== undefined) return keep(kubectl, taken, waited)
    lease = await readLease(kubectl)
    // Somebody was quicker, or this run was and the answer was lost on its way.
    if (lease !== undefined && isSameRun(lease, wanted)) return keep(kubectl, lease, waited)
    waited = true
  }
}

/** By its process where the system tells one from another, else by the instant it began to hold. */
const isSameRun = (met: Lease, ours: Lease): boolean =>
  processOf(ours) === undefined ? holderOf(met) === holderOf(ours) : processOf(met) === processOf(ours)

/** Keeps a taken lease alive until it is released or lost. */
function keep(kubectl: Kubectl, taken: Lease, waited: boolean): Lock {
  let lease = taken
  let lostTo: string | undefined
  let last: Promise<void> = Promise.resolve()

  async function renewNow(): Promise<void> {
    if (lostTo !== undefined) return
    const written = await writeLease(kubectl, renewed(lease))
    if (written !== undefined) return void (lease = written)
    const met = await readLease(kubectl)
    // An answer that was lost on its way: the write before it was ours.
    if (met !== undefined && holderOf(met) === holderOf(lease)) return void (lease = met)
    lostTo = (met && holderOf(met)) ?? 'another run, which deleted it'
  }
  let underWay = 0
  /** One after the other: each carries the version the one before it made. */
  const renew = (): Promise<void> => {
    underWay += 1
    return (last = last
      .catch(() => {})
      .then(renewNow)
      .finally(() => (underWay -= 1)))
  }

  const timer = setInterval(() => {
    // While the API server hangs, renewals must not pile up in front of a write that waits to be allowed.
    if (underWay > 0) return
    renew().catch((thrown: unknown) => record(`the lease could not be renewed: ${String(thrown)}`))
  }, renewEvery)
  timer.unref()

  return {
    waited,
    async require() {
      await renew()
      if (lostTo !== undefined) throw lostError(lostTo)
    },
    async release() {
      clearInterval(timer)
      await last.catch(() => {})
      if (lostTo !== undefined) return
      await kubectl
        .run(writeWords('replace'), {
          input: released(lease),
          timeoutSeconds: 10,
          runDespiteInterrupt: true,
        })
        .catch((thrown: unknown) => record(`the lease could not be released: ${String(thrown)}`))
    },
  }
}

const lostError = (other: string): KitError =>
  new KitError(`this run has lost the cluster to another one: ${other}`, {
    exitCode: exitCodes.locked,
    details: [
      'It did not renew its lease in time: it was suspended, or could not reach the API server. Nothing more was written.',
    ],
    hint: 'wait for the other run, then run the same command again',
  })

/** The lock on a run's cluster, acquired when it is first needed: a run with nothing to do needs none. */
export interface ClusterLock {
  /**
   * Acquires it before anything that was read is relied on: the caller may read it again.
   * @returns true when it must be: another run had the lock in between
   * @throws KitError exit 11 when another run is alive
   */
  acquireAndRefresh(): Promise<boolean>
  /**
   * Acquires it, unless this run has it: what was read stays true from now on.
   * @throws KitError exit 11 when another run has it, or had it since this one looked
   */
  acquire(): Promise<void>
  /** Before every write. @throws KitError exit 11 as `acquire`, or when another run has taken the lock over */
  assertHeld(): Promise<void>
  /** Lets the next run begin. Never throws. */
  release(): Promise<void>
}

export interface ClusterLockOptions extends LockOptions {
  /** The kit's own namespace is there. */
  readonly hasNamespace: boolean
}

/** @param options with the lease as it was before everything else was read: so nobody who wrote goes unnoticed */
export function createClusterLock(options: ClusterLockOptions): ClusterLock {
  let taking: Promise<Lock> | undefined
  let readAgain = false
  /** One for all that need it at once; asked for again after an API server that was away. */
  const lock = () =>
    (taking ??= makeLock(options).catch((thrown: unknown) => {
      taking = undefined
      throw thrown
    }))
  const acquire = async (): Promise<Lock> => {
    const taken = await lock()
    if (taken.waited && !readAgain) throw overtaken()
    return taken
  }
  return {
    async acquireAndRefresh() {
      const { waited } = await lock()
      readAgain = waited
      return waited
    },
    acquire: async () => void (await acquire()),
    assertHeld: async () => (await acquire()).require(),
    release: async () => (await taking?.catch(() => undefined))?.release(),
  }
}

async function makeLock({ hasNamespace, ...options }: ClusterLockOptions): Promise<Lock> {
  if (!hasNamespace) await makeNamespace(options.kubectl)
  return takeLock(options)
}

const makeNamespace = async (kubectl: Kubectl): Promise<void> =>
  void (await sendObjects(kubectl, [namespace(systemNamespace)], { dryRun: false }))

const overtaken = (): KitError =>
  new KitError('another run has worked on this cluster since this one looked at it', {
    exitCode: exitCodes.locked,
    details: ['What this run had read may be old. Nothing was written.'],
    hint: 'run the same command again',
  })
