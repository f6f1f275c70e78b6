import { exitCodes, KitError } from '../base/errors.mts'
import {
  holderOf,
  inDrill,
  isHeld,
  leaseFor,
  processOf,
  released,
  renewed,
  type Lease,
  writeLease,
  readLease,
} from './lease.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { record } from '../base/log.mts'
import { processIdentity } from './process-identity.mts'
import { waitForLease } from './lease-wait.mts'
import { sendObjects } from '../kube/objects.mts'
import { systemNamespace } from '../base/names.mts'
import { namespace } from '../kube/manifests/objects.mts'
import { written } from '../base/written.mts'

/** One run at a time on a cluster (DESIGN section 6, Lock). */
export interface Lock {
  /** True when another run held it in between: what was read before may be outdated. */
  readonly waited: boolean
  /**
   * Renews the lease.
   * @param drill the drill that begins: the lease names it from then on
   * @throws KitError exit 11 when another run has taken it over; exit 3, 5 to 9 or 12, 130 or 143
   */
  require(drill?: string): Promise<void>
  /** Releases it, so that the next run can begin at once. Never throws: a lease that is not released expires. */
  release(): Promise<void>
}

export interface LockOptions {
  readonly kubectl: Kubectl
  /** The lease as it was last read; undefined when there was none. */
  readonly found: Lease | undefined
  /** Operator and purpose, shown to other runs: `root@admin, 12_n8n (staging)`. */
  readonly holder: string
  /** True: waits for the end of another run. False: exit 11 when another run is alive. */
  readonly wait: boolean
}

/** Milliseconds between two renewals: a third of the lease, so that two may be lost. */
const renewEvery = 5000

/**
 * Acquires the lock of a cluster and renews it until it is released. The kit's own namespace must exist.
 * @throws KitError exit 11 when another run is alive and not `wait`, 3, 5 to 9 or 12 (kubectl), 130 or 143 (signal)
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
    // Another run was faster, or this run has written the lease and the response was lost.
    if (lease !== undefined && isSameRun(lease, wanted)) return keep(kubectl, lease, waited)
    waited = true
  }
}

/** Compares the process where there is a /proc, else holder and acquire time. */
const isSameRun = (met: Lease, ours: Lease): boolean =>
  processOf(ours) === undefined ? holderOf(met) === holderOf(ours) : processOf(met) === processOf(ours)

/** Renews an acquired lease until it is released or lost. */
function keep(kubectl: Kubectl, taken: Lease, waited: boolean): Lock {
  let lease = taken
  let lostTo: string | undefined
  let last: Promise<void> = Promise.resolve()

  async function renewNow(drill: string | undefined): Promise<void> {
    if (lostTo !== undefined) return
    const written = await writeLease(kubectl, renewed(drill === undefined ? lease : inDrill(lease, drill)))
    if (written !== undefined) return void (lease = written)
    const met = await readLease(kubectl)
    // This run has written the lease, and the response was lost.
    if (met !== undefined && holderOf(met) === holderOf(lease)) return void (lease = met)
    lostTo = (met && holderOf(met)) ?? 'another run, which deleted it'
  }
  let underWay = 0
  /** Renewals run one after another: each needs the resourceVersion of the one before. */
  const renew = (drill?: string): Promise<void> => {
    underWay += 1
    return (last = last
      .catch(() => {})
      .then(() => renewNow(drill))
      .finally(() => (underWay -= 1)))
  }

  const timer = setInterval(() => {
    // While the API server hangs, renewals must not queue up before a write that waits for `require`.
    if (underWay > 0) return
    renew().catch((thrown: unknown) => record(`the lease could not be renewed: ${String(thrown)}`))
  }, renewEvery)
  timer.unref()

  return {
    waited,
    async require(drill) {
      await renew(drill)
      if (lostTo !== undefined) throw lostError(lostTo)
    },
    async release() {
      clearInterval(timer)
      await last.catch(() => {})
      if (lostTo !== undefined) return
      await kubectl.api
        .replace(released(lease), { timeoutSeconds: 10, runDespiteInterrupt: true })
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

/** The lock on a run's cluster, acquired when it is first needed: a run without changes needs none. */
export interface ClusterLock {
  /**
   * Acquires it before the caller relies on what it has read.
   * @returns true when the caller must read again, since another run had the lock in between
   * @throws KitError exit 11 when another run is alive, exit 3, 5 to 9, 12, 130 or 143 as takeLock
   */
  acquireAndRefresh(): Promise<boolean>
  /**
   * Acquires it, unless this run has it: from now on no other run changes what was read.
   * @throws KitError exit 11 when another run has it, or had it since this one read the cluster; else as takeLock
   */
  acquire(): Promise<void>
  /** Acquires or renews it, before every write. @throws as `acquire`; KitError exit 11 when another run took it over */
  assertHeld(): Promise<void>
  /** Lets other runs know which drill begins. @throws as `assertHeld` */
  beginDrill(id: string): Promise<void>
  /** Releases it, so that the next run can begin. Never throws. */
  release(): Promise<void>
}

export interface ClusterLockOptions extends LockOptions {
  /** True when the kit's own namespace exists. */
  readonly hasNamespace: boolean
}

/** Makes the lock of a run. @param options `found` must be read before all else, so that another writer is noticed */
export function createClusterLock(options: ClusterLockOptions): ClusterLock {
  let taking: Promise<Lock> | undefined
  let readAgain = false
  /** Concurrent calls share one attempt; the next call after a failure tries again. */
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
    beginDrill: async (id) => (await acquire()).require(id),
    release: async () => (await taking?.catch(() => undefined))?.release(),
  }
}

async function makeLock({ hasNamespace, ...options }: ClusterLockOptions): Promise<Lock> {
  if (!hasNamespace) await sendObjects(options.kubectl, [namespace(systemNamespace)], { dryRun: false })
  return takeLock(options)
}

const overtaken = (): KitError =>
  new KitError('another run has worked on this cluster since this one looked at it', {
    exitCode: exitCodes.locked,
    details: [`What this run had read may be old. ${written()}`],
    hint: 'run the same command again',
  })
