import { exitCodes, KitError, wordsOf } from '../../../lib/base/errors.mts'
import { log } from '../../../lib/base/log.mts'
import type { Until } from '../../../lib/base/poll.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { endPods, podFunctions } from '../nodes/end-pods.mts'
import { readyWorker, serverIsHealthy } from '../nodes/readiness.mts'
import { drillUndo, unitOf } from '../host/paths.mts'

// K3s and its pods end on one host as by a loss of power, except that the host itself stays and starts K3s again.

/** A host that is stopped, and what K3s is on it. */
export interface Machine {
  readonly host: Host
  readonly role: 'server' | 'agent'
}

/** Seconds after which that timer starts K3s again: longer than a machine is away. */
export const armedSeconds = 180

/**
 * POSIX shell: ends K3s without a word, keeps systemd from starting it again, then ends its pods. It is told the unit.
 * K3s goes first, with the containerd it started: it would start its pods again.
 */
const stopScript = `{
${podFunctions}
main=$(systemctl show --property MainPID --value "$1")
[ "\${main:-0}" -gt 1 ] || { echo "$1 does not run" >&2; exit 1; }
kill -KILL $(tree "$main") 2>/dev/null
systemctl stop "$1" || exit 1
systemctl reset-failed "$1" 2>/dev/null
${endPods}
} </dev/null
`

/**
 * POSIX shell: stops the timer it is told. One whose service has started is no longer known to systemd, also between a
 * look and the stop: what counts is that it does not run.
 */
const disarmScript = `systemctl stop "$1" 2>/dev/null
if systemctl is-active --quiet "$1"; then echo "$1 still runs" >&2; exit 1; fi`

/**
 * Arms the start of K3s. A timer that an earlier drill left would start it too early: it is stopped first.
 * @throws KitError exit 9 when a command fails; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws
 *   (Writes.make)
 */
export async function arm({ host, role }: Machine): Promise<void> {
  const armed = await host.read(['systemctl', 'is-active', '--quiet', `${drillUndo}.timer`])
  if (armed.code === 0) await disarm(host)
  const unit = unitOf(role)
  await host.change(`arm the start of ${unit} in ${armedSeconds} s`, [
    'systemd-run',
    '--quiet',
    '--collect',
    `--unit=${drillUndo}`,
    `--on-active=${armedSeconds}`,
    '--timer-property=AccuracySec=1s',
    'systemctl',
    'start',
    unit,
  ])
}

/** Stops that timer, if it runs. @throws as arm */
const disarm = (host: Host): Promise<void> =>
  host.change(`disarm ${drillUndo}`, ['sh', '-c', disarmScript, 'sh', `${drillUndo}.timer`])

/** Ends K3s and its pods on a host; the timer must be armed. @throws as arm, but not on a signal */
export function stopHard({ host, role }: Machine): Promise<void> {
  const unit = unitOf(role)
  // Its words must not name what it looks for among the words of processes. Ctrl-C would drop the connection over which
  // K3s is started again at once.
  return host.change(`end ${unit} and its pods at once`, ['sh', '-s', unit], {
    input: stopScript,
    shown: `end ${unit} and its pods`,
    runDespiteInterrupt: true,
  })
}

/** True when K3s runs or starts on a host. @throws KitError exit 3, 6, 9, 130 or 143, see Host.read */
export const isBack = async ({ host, role }: Machine): Promise<boolean> =>
  // `activating` ends with 3, as `inactive` does.
  (await host.read(['systemctl', 'is-active', unitOf(role)])).stdout.startsWith('activ')

/** Starts K3s on a host, also after Ctrl-C. @throws KitError exit 9 when it cannot be told to: its timer starts it then */
export async function startAgain({ host, role }: Machine): Promise<void> {
  const unit = unitOf(role)
  const words = `systemctl reset-failed ${unit} 2>/dev/null; exec systemctl start --no-block ${unit}`
  try {
    await host.undo(`start ${unit}`, ['sh', '-c', words])
  } catch (thrown) {
    throw new KitError(`${host.name}: ${unit} could not be started again`, {
      exitCode: exitCodes.rolloutFailed,
      details: [wordsOf(thrown), `Its timer on that host starts it within ${armedSeconds} s.`],
      hint: `systemctl start ${unit} on ${host.name}`,
      cause: thrown,
    })
  }
  log.ok(`${host.name}: ${unit} starts again`)
}

/**
 * Waits until a host is healthy again, and only then stops its timer.
 * @param server another server, which is healthy
 * @throws KitError exit 9, see Until; else as arm
 */
export async function untilHealthy({ host, role }: Machine, server: Host, until: Until): Promise<void> {
  await until(role === 'server' ? serverIsHealthy(host) : readyWorker(host, server))
  await disarm(host)
}
