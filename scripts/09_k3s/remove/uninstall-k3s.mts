import type { Host } from '../../../lib/hosts/host.mts'
import { log } from '../../../lib/base/log.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import type { TeardownRun } from '../../../lib/hosts/teardown.mts'
import { paths } from '../host/paths.mts'
import { carries, readState } from '../nodes/host-state.mts'
import { uninstallScript } from '../nodes/uninstall-script.mts'
import type { K3sSettings } from '../settings.mts'

/** Whatever interrupts what follows, the next run knows that this host was going. */
export async function markLeaving(host: Host): Promise<void> {
  if (carries(await readState(host))) await host.put(paths.leaving, '0600', 'It is being taken out.\n')
}

/** Takes K3s off a host, by the script that was laid there with it; a bare one is left alone. */
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
