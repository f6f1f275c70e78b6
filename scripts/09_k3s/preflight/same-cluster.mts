import type { Host } from '../../../lib/hosts/host.mts'
import { fixedIn, fixedScript, requireSameFixed } from '../host/fixed.mts'
import type { K3sSettings } from '../settings.mts'
import type { Fit } from './run.mts'

/**
 * Requires that the settings have the values the cluster was created with, before a firewall or anything else is
 * changed by the settings of another cluster.
 * @param servers all masters that are connected
 * @param fit the hosts of this run; the other servers are read now
 * @throws KitError exit 5, see requireSameFixed; exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function requireSameCluster(
  servers: readonly Host[],
  fit: readonly Fit[],
  settings: K3sSettings,
): Promise<void> {
  const members = await Promise.all(
    servers.map(async (server) => {
      const said = fit.find(({ host }) => host.name === server.name)?.facts.said
      const text =
        said === undefined
          ? (await server.read(['sh', '-c', fixedScript], { shown: 'ask what its cluster was made with' }))
              .stdout
          : said.all('node').map((words) => `node ${words.join(' ')}\n`)
      return { name: server.name, fixed: fixedIn([text].flat().join('')) }
    }),
  )
  requireSameFixed(members, settings)
}
