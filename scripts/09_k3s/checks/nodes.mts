import { failed, passed, warning, type Check, type CheckTools } from '../../../lib/checks/checks.mts'
import { isReady, isServer, pressuresOf } from '../../../lib/kube/cluster-view.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import type { K3sSettings } from '../settings.mts'

// Checks of the cluster's Nodes.

/** The tools of module 9's checks. */
export type Tools = CheckTools<K3sSettings>

/** The oldest Kubernetes that the kit's objects need: preStop sleep, and behavior of autoscaling/v2. */
const oldest = { major: 1, minor: 30 }

/** All Nodes, read once for all checks. @throws KitError exit 3, 5 to 9, 12, 130 or 143, see KubeReader */
export const nodesOf = ({ kube, once }: Tools): Promise<LiveObject[]> =>
  once('nodes', () => kube.list('nodes', {}))

/** The names of Nodes, separated by commas. */
export const names = (nodes: readonly LiveObject[]): string =>
  nodes.map(({ metadata }) => metadata.name).join(', ')

export const version: Check<K3sSettings> = {
  id: 'k3s.version',
  title: 'Kubernetes is recent enough, and one version everywhere',
  fix: `upgrade the cluster to ${oldest.major}.${oldest.minor} or newer, every node to the same version`,
  async ask(tools) {
    const nodes = await nodesOf(tools)
    const versions = [...new Set(nodes.map(versionOf))]
    const minors = versions.map((one) => Number(/^v1\.(\d+)/.exec(one)?.[1] ?? 0))
    if (minors.some((minor) => minor < oldest.minor)) return failed(versions.join(', '))
    return versions.length === 1
      ? passed(`${versions[0]} on ${nodes.length} nodes`)
      : warning(versions.join(' and '))
  },
}

const versionOf = ({ status }: LiveObject): string =>
  (status as { nodeInfo?: { kubeletVersion?: string } }).nodeInfo?.kubeletVersion ?? 'unknown'

export const nodes: Check<K3sSettings> = {
  id: 'k3s.nodes',
  title: 'Every node is Ready',
  fix: 'kubectl describe node NAME shows why; journalctl -u k3s or k3s-agent on that host',
  places: () => ({ NAME: '' }),
  async ask(tools) {
    const all = await nodesOf(tools)
    const down = all.filter((node) => !isReady(node))
    return down.length === 0
      ? passed(`${all.length} of ${all.length}`)
      : failed(`not Ready: ${names(down)}`, { NAME: down[0]?.metadata.name ?? '' })
  },
}

export const pressure: Check<K3sSettings> = {
  id: 'k3s.pressure',
  title: 'No node is short of disk, memory or process ids',
  fix: 'free the resource on the host named; old images: k3s crictl rmi --prune, then module 9 again: it imports its own that went with them',
  async ask(tools) {
    const short = (await nodesOf(tools)).flatMap((node) =>
      pressuresOf(node).map((pressure) => `${node.metadata.name} ${pressure}`),
    )
    return short.length === 0 ? passed('none') : failed(short.join('; '))
  },
}

export const servers: Check<K3sSettings> = {
  id: 'k3s.servers',
  title: 'A server may fail without losing the cluster',
  fix: 'add masters to servers.tsv until there are three, then run module 9',
  async ask(tools) {
    const all = (await nodesOf(tools)).filter(isServer)
    if (all.length === 0) return failed('no node has the role control-plane')
    return all.length >= 3
      ? passed(`${all.length} servers`)
      : warning(`${all.length} server: when it stops, the cluster stops`)
  },
}

export const overlap: Check<K3sSettings> = {
  id: 'k3s.pod-ranges',
  title: 'Every node has a pod range of its own',
  fix: 'two nodes with one range cannot be reached both: remove and join the younger one again',
  async ask(tools) {
    const ranges = (await nodesOf(tools)).map(({ metadata, spec }) => ({
      node: metadata.name,
      range: (spec as { podCIDR?: string }).podCIDR,
    }))
    const without = ranges.filter(({ range }) => range === undefined)
    if (without.length > 0) return failed(`none: ${without.map(({ node }) => node).join(', ')}`)
    const twice = ranges.length - new Set(ranges.map(({ range }) => range)).size
    return twice === 0 ? passed(ranges.map(({ range }) => range).join(', ')) : failed(`${twice} shared`)
  },
}
