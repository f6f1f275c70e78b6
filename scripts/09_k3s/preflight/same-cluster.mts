import type { Host } from '../../../lib/hosts/host.mts'
import { fixedIn, fixedScript, requireSameFixed } from '../host/fixed.mts'
import type { K3sSettings } from '../settings.mts'
import type { Fit } from './run.mts'

/**
 * Asks the members of the cluster whether the settings say what it was made with, before a firewall or anything else is
 * written by settings that another cluster has.
 * @param fit what hosts of this run said of themselves; servers it does not work on are asked now
 * @throws KitError exit 5, see requireSameFixed; exit 6 when a connection is lost
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
