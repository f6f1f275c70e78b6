import { NotYet } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import type { Fetched } from '../../../lib/kube/save-kubeconfig.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import { paths } from '../host/paths.mts'
import type { K3sSettings } from '../settings.mts'

/**
 * Reads the kubeconfig that K3s wrote, from the first server that has one.
 * @returns its text, and every name and address at which it may be used
 * @throws NotYet while no server has one; KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function fetchKubeconfig(
  servers: readonly Host[],
  { API_ADDRESSES }: Pick<K3sSettings, 'API_ADDRESSES'>,
): Promise<Fetched> {
  const names = [...servers.map(({ address }) => address), ...itemsOf(API_ADDRESSES)]
  for (const server of servers) {
    const { code, stdout } = await server.read(['cat', paths.kubeconfig], { shown: 'read the kubeconfig' })
    if (code === 0) return { text: stdout, names }
  }
  throw new NotYet('09_k3s_02_install_control_plane')
}
