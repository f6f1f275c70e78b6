import { exitCodes, KitError } from '../base/errors.mts'
import { lockFolder, type Host } from './host.mts'
import { log } from '../base/log.mts'
import { quorumLost } from './quorum-lost.mts'
import { written } from '../base/written.mts'

/** Locked on the masters while a run changes hosts: there may be no API server for a Lease. */
const lockFile = `${lockFolder}/installer.lock`

/**
 * Excludes other runs, from any admin host: the lock is taken on each master that was connected, and those must be a
 * majority, so that two runs always share a master.
 * @param masters the connected ones, in the order of servers.tsv
 * @param all number of masters in servers.tsv
 * @param stop ends all work on the hosts: called when the majority of the locks is lost, and another run may have it
 * @throws KitError exit 6 without a majority; exit 11 while another run has a lock, exit 9 when one cannot be taken,
 *   and exit 3, 6, 130 or 143, see Host.lock
 */
export async function takeMajority(
  masters: readonly Pick<Host, 'lock'>[],
  all: number,
  stop: () => void,
): Promise<void> {
  if (masters.length * 2 <= all) {
    throw new KitError(`${masters.length} of ${all} masters let this run in: that is no majority`, {
      exitCode: exitCodes.unreachable,
      details: [`Another run could work on the others meanwhile. ${written()}`],
      hint: `bring the masters back first; the lines above say why each could not be connected to. ${quorumLost}`,
    })
  }
  let held = masters.length
  const one = () => {
    held -= 1
    if (held * 2 > all) return
    log.warn(
      'the lock of this run on the masters is gone: it was suspended, or cut off from them',
      'nothing more is done on any host; run the same command again',
    )
    stop()
  }
  // In the order of servers.tsv, so that two runs that begin together do not stop each other.
  for (const master of masters) await master.lock(lockFile, one)
}
