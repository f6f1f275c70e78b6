import type { Host } from '../../../lib/hosts/host.mts'
import { log } from '../../../lib/base/log.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import type { TeardownRun } from '../../../lib/hosts/teardown.mts'
import { paths } from '../host/paths.mts'
import { carries, readState } from '../nodes/host-state.mts'
import { uninstallScript } from '../nodes/uninstall-script.mts'
import type { K3sSettings } from '../settings.mts'

/**
 * Records on a host that its removal has begun, so that a run after an interruption knows it. Nothing on a host without
 * K3s.
 * @throws KitError exit 3 or 9, see readState; exit 9 when the file cannot be written; exit 3, 6, 9, 130 or 143, see
 *   Host.read; what the gate throws (Writes.make)
 */
export async function markLeaving(host: Host): Promise<void> {
  if (carries(await readState(host))) await host.put(paths.leaving, '0600', 'It is being taken out.\n')
}

/**
 * Removes K3s from a host by the uninstall script, which is written there anew. Nothing on a host without K3s.
 * @throws KitError exit 3 or 9, see readState; exit 9 with the script's last lines of output when it fails; exit 3, 6,
 *   9, 130 or 143, see Host.read; what the gate throws (Writes.make)
 */
export async function uninstallK3s(
  host: Host,
  { settings, planning }: Pick<TeardownRun, 'settings' | 'planning'>,
): Promise<void> {
  if (!carries(await readState(host))) return
  const started = performance.now()
  await host.put(paths.uninstall, '0755', uninstallScript((settings as K3sSettings).CLUSTER_CIDR))
  await host.change('take K3s and its data off', ['sh', '-c', `exec ${paths.uninstall} "$(uname -n)"`], {
    timeoutSeconds: 300,
    onWarnings: (text) => {
      for (const line of text.split('\n')) log.warn(`${host.name}: ${shortened(line, 200)}`)
    },
  })
  if (!planning) log.ok(`${host.name} is bare`, started)
}
