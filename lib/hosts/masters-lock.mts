import { exitCodes, KitError } from '../base/errors.mts'
import { lockFolder, type Host } from './host.mts'
import { log } from '../base/log.mts'

/** Held on masters while machines are worked on: there may be no API to hold a Lease in. */
const lockFile = `${lockFolder}/installer.lock`

/**
 * Keeps other runs off the machines, from whichever admin host they come and whichever masters they can reach:
 * the lock is taken on each master that was connected, and those must be a majority, so two runs always meet.
 * @param all how many masters servers.tsv names
 * @param stop ends all work on the machines: called when the majority is gone, and another run may have it
 * @throws KitError exit 11 while another run holds one of them, exit 6 without a majority
 */
export async function takeMajority(
  masters: readonly Pick<Host, 'lock'>[],
  all: number,
  stop: () => void,
): Promise<void> {
  if (masters.length * 2 <= all) {
    throw new KitError(`${masters.length} of ${all} masters let this run in: that is no majority`, {
      exitCode: exitCodes.unreachable,
      details: ['Another run could work on the others meanwhile. Nothing was written.'],
      hint: 'bring the masters back first; the lines above say why each could not be connected to',
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
