import { exitCodes, KitError } from './errors.mts'
import { holderOf, isHeld, leaseFor, processOf, released, renewed, type Lease } from './lease.mts'
import type { Kubectl } from './kubectl.mts'
import { record } from './log.mts'
import { processIdentity } from './process-identity.mts'
import { waitForLease } from './lock-wait.mts'

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
    lostTo = (met && holderOf(met)) ?? 'somebody who deleted it'
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
          evenInterrupted: true,
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

/** The lease as the cluster has it. */
export const readLease = async (kubectl: Kubectl): Promise<Lease | undefined> => {
  const { name, namespace } = leaseFor(undefined, '', undefined).metadata
  return kubectl.json<Lease>([
    'get',
    'leases.coordination.k8s.io',
    name,
    '-n',
    namespace,
    '--ignore-not-found',
  ])
}

/** kubectl would fetch the API's whole schema first, which an API server that has only just come back cannot give. */
const writeWords = (verb: 'create' | 'replace'): string[] => [verb, '--validate=false', '-f', '-']

/** Writes a lease over the very version it was made from. @returns undefined when that is no longer the newest */
async function writeLease(kubectl: Kubectl, lease: Lease): Promise<Lease | undefined> {
  const verb = lease.metadata.resourceVersion === undefined ? 'create' : 'replace'
  try {
    return await kubectl.json<Lease>(writeWords(verb), { input: lease, timeoutSeconds: 10 })
  } catch (thrown) {
    if (!(thrown instanceof KitError)) throw thrown
    const words = thrown.details.join(' ')
    if (/\(Conflict\)|\(AlreadyExists\)|\(NotFound\)/.test(words) && !/namespaces "/.test(words))
      return undefined
    throw thrown
  }
}
