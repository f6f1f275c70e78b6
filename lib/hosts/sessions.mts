import { setTimeout as pause } from 'node:timers/promises'
import { exitCodes, KitError } from '../base/errors.mts'
import { record } from '../base/log.mts'
import { shownTarget, sshTo, type Target } from './ssh-errors.mts'

/** Sessions at once on one connection: one fewer than an sshd with MaxSessions 4 allows. */
const mostChannels = 3

/**
 * Milliseconds between attempts: an sshd closes a session, and counts it until then, a moment after its command's end.
 */
const retryMs = 200
const retries = 15

/** The sessions of one connection: as many at once as its sshd allows. */
export interface Sessions {
  /**
   * Runs `act`, which opens one session, as soon as another may be open.
   * @throws KitError exit 3 when the sshd allows none; what `act` throws
   */
  open<T>(act: () => Promise<T>): Promise<T>
}

/** True for the error of the SSH library when the sshd refuses a session: the command was not started. */
export const isSessionRefused = (thrown: unknown): boolean =>
  thrown instanceof Error && 'reason' in thrown && thrown.message.startsWith('(SSH) Channel open failure')

/**
 * Limits the sessions of a connection. A refused one is opened again when another has ended, and from then on as many
 * are open at once as the sshd has allowed (MaxSessions of sshd_config).
 */
export function createSessions(target: Target): Sessions {
  let allowed = mostChannels
  let running = 0
  const waiting: (() => void)[] = []
  return {
    async open(act) {
      let refusals = 0
      for (;;) {
        while (running >= allowed) await new Promise<void>((resolve) => waiting.push(resolve))
        running += 1
        try {
          return await act()
        } catch (thrown) {
          if (!isSessionRefused(thrown)) throw thrown
        } finally {
          running -= 1
          waiting.shift()?.()
        }
        if (running > 0) {
          if (running < allowed)
            record(`ssh ${target.name}: a session was refused, ${running} at once from now on`)
          allowed = Math.min(allowed, running)
        } else {
          refusals += 1
          if (refusals > retries) throw noSession(target)
          await pause(retryMs)
        }
      }
    },
  }
}

const noSession = (target: Target): KitError =>
  new KitError(`${shownTarget(target)} refuses one more session on this connection`, {
    exitCode: exitCodes.preflight,
    details: [
      'MaxSessions of its sshd is too low: the kit needs 2, one for the lock of the run and one for commands.',
      'The command was not started.',
    ],
    hint: `${sshTo(target)}, set MaxSessions 4 in /etc/ssh/sshd_config (and in sshd_config.d), systemctl reload ssh, then run the same command again`,
  })
