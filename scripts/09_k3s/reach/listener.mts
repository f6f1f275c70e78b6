import { Readable } from 'node:stream'
import { awaitedLater } from '../../../lib/base/concurrency.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { written } from '../../../lib/base/written.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { lastLines } from '../host/last-lines.mts'
import { listenScript } from './scripts.mts'

/** Seconds after which a listener ends by itself. */
const listenSeconds = 30

/**
 * Listens on ports of one machine; on none without words.
 * @param words the ports as the script wants them: `tcp:6443`
 * @returns closes them; throws KitError exit 3 when the machine could not listen; exit 3, 6, 9, 130 or 143, see
 *   Host.read
 */
export function listen({ host, address }: { host: Host; address: string }, words: readonly string[]) {
  if (words.length === 0) return () => Promise.resolve()
  // The listener ends with its stdin: when this run closes it, or with the connection.
  const input = new Readable({ read() {} })
  // An error is reported by the probes that fail, or by the function returned here.
  const ended = awaitedLater(
    host.read(['perl', '-e', listenScript, String(listenSeconds), address, ...words], {
      input,
      timeoutSeconds: listenSeconds + 10,
      shown: `listen on ${words.join(' ')} for the others`,
    }),
  )
  return async (): Promise<void> => {
    input.push(null)
    const { code, stderr } = await ended
    if (code !== 0) throw perlFailed(host, 'listen for the others', stderr)
  }
}

/** The error for a host on which the program in perl did not listen or probe. @param said its stderr */
export const perlFailed = (host: Host, what: string, said: string): KitError =>
  new KitError(`${host.name} could not ${what}: whether the hosts reach each other is not known`, {
    exitCode: exitCodes.preflight,
    details: [...lastLines(said, 3), written()],
    hint: `on ${host.name}: perl -e 'use Socket; use IO::Socket::INET; defined fork or die $!' must print nothing; else install the perl of its distribution, or end processes there; then run the same command again`,
  })
