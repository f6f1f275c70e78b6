import { KitError } from '../../../lib/base/errors.mts'
import { type Server, readServers } from '../../../lib/hosts/servers.mts'
import type { Settings } from '../../../lib/settings/settings.mts'

/** The machines in servers.tsv; undefined without a valid one, which a cluster that is only verified need not have. */
function knownServers(env: string): { masters: Server[]; workers: Server[] } | undefined {
  try {
    return readServers(env)
  } catch (thrown) {
    if (thrown instanceof KitError) return undefined
    throw thrown
  }
}

/** The configuration of the load balancer, for an operator to enter: listener, targets, health check. */
export function loadBalancerLines(settings: Settings): (readonly [label: string, text: string])[] {
  const found = knownServers(settings.ENV)
  const at = (servers: readonly Server[] | undefined, otherwise: string) =>
    servers?.map(({ privateAddress }) => privateAddress).join(', ') ?? otherwise
  const everyNode = at(found && [...found.masters, ...found.workers], 'every node')
  const port = settings['INGRESS_NODE_PORT'] === 0 ? 80 : settings['INGRESS_NODE_PORT']
  const check = `check HTTP ${String(settings['INGRESS_HEALTH_PATH'])} on port ${String(port)}, status 200`
  const https =
    settings['TLS_MODE'] === 'load-balancer'
      ? `HTTPS, TLS ends here -> HTTP port ${String(port)} of the same; ${check}`
      : 'TCP, passed through -> port 443 of the same, with PROXY protocol if it can; check TCP'
  return [
    ['LB 80', `HTTP -> port ${String(port)} of ${everyNode}; ${check}`],
    ['LB 443', https],
    ['LB 6443', `TCP -> port 6443 of ${at(found?.masters, 'the masters')}; check TCP`],
  ]
}
