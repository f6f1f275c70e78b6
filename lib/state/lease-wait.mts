import { exitCodes, KitError } from '../base/errors.mts'
import { interruption } from '../base/signals.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { drillOf, holderOf, isHeld, leaseIn, processOf, readLease, type Lease } from './lease.mts'
import { log } from '../base/log.mts'
import { hasEnded } from './process-identity.mts'
import { watchKind } from '../kube/watch.mts'
import { written } from '../base/written.mts'

/** Milliseconds between two progress lines of the wait. */
const heartbeat = 15_000

/**
 * Waits until a held lease may be acquired: it was released, or its holder has ended. A holder on this machine is found
 * by its process; any other has ended when it did not renew for the lease's duration, by the clock of this machine: at its
 * end the API server is asked once more, since this machine may have lost it meanwhile.
 * @param wait false: exit 11 as soon as the holder renews the lease
 * @returns the lease to take over; undefined when it was deleted
 * @throws KitError exit 11 when its holder is alive and `wait` is false; exit 3 or 5 to 9 (kubectl), 6 when the API server
 * does not answer; Cancelled (130) or KitError exit 143 on a signal
 */
export async function waitForLease(
  kubectl: Kubectl,
  held: Lease,
  { wait }: { wait: boolean },
): Promise<Lease | undefined> {
  if (hasEnded(processOf(held) ?? '')) return takenOver(held)
  log.waiting(`another run holds this cluster: ${shownHolder(held)}; seeing whether it is alive`)
  let wake = () => {}
  const { name, namespace } = held.metadata
  const leases = watchKind(kubectl, 'leases.coordination.k8s.io', namespace, () => wake())
  const onAbort = () => wake()
  interruption.signal.addEventListener('abort', onAbort)
  try {
    let [newest, seen, spoken] = [held, performance.now(), performance.now()]
    // The watch may lag behind what the API server was asked.
    const renewals = new Set([held.spec.renewTime])
    const notice = (lease: Lease) => {
      if (renewals.has(lease.spec.renewTime)) return
      if (!wait) throw lockedError(lease)
      renewals.add(lease.spec.renewTime)
      ;[newest, seen] = [lease, performance.now()]
    }
    for (;;) {
      interruption.throwIfAsked()
      const now = leaseIn(leases.objects.get(name)) ?? newest
      if (leases.deleted.has(name)) return undefined
      if (!isHeld(now)) return now
      notice(now)
      if (performance.now() - seen > newest.spec.leaseDurationSeconds * 1000) {
        const live = await readLease(kubectl)
        if (live === undefined || !isHeld(live)) return live
        if (renewals.has(live.spec.renewTime)) return takenOver(live)
        notice(live)
      }
      if (performance.now() - spoken > heartbeat) {
        log.waiting(`waiting for ${shownHolder(now)}`)
        spoken = performance.now()
      }
      await new Promise<void>((resolve) => {
        wake = resolve
        // The duration can expire without any event.
        setTimeout(resolve, 500)
      })
    }
  } finally {
    interruption.signal.removeEventListener('abort', onAbort)
    await leases.stop()
  }
}

function takenOver(lease: Lease): Lease {
  log.ok(`the run of ${holderOf(lease)} is gone: its lock is taken over`)
  return lease
}

/** The holder, after the drill it is in. */
const shownHolder = (lease: Lease): string => {
  const drill = drillOf(lease)
  return drill === undefined ? holderOf(lease) : `drill ${drill}`
}

const lockedError = (lease: Lease): KitError =>
  new KitError('another run works on this cluster', {
    exitCode: exitCodes.locked,
    details: [shownHolder(lease), `It is alive: it has just renewed its lease. ${written()}`],
    hint: 'add --wait to begin when it has ended',
  })
