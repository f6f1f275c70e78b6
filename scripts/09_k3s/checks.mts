import { failed, passed, warning, type Check, type CheckTools } from '../../lib/checks.mts'
import { isReady, isServer } from '../../lib/gate.mts'
import type { LiveObject } from '../../lib/k8s.mts'
import { itemsOf } from '../../lib/validate.mts'
import type { ChecksOf } from '../../lib/module.mts'
import type { k3s, K3sSettings } from './module.mts'

type Tools = CheckTools<K3sSettings>

/** The oldest Kubernetes the kit's objects work on: preStop sleep and autoscaling/v2 behaviour. */
const oldest = { major: 1, minor: 30 }

const nodesOf = ({ kube, once }: Tools): Promise<LiveObject[]> => once('nodes', () => kube.list('nodes', {}))

const names = (nodes: readonly LiveObject[]): string => nodes.map(({ metadata }) => metadata.name).join(', ')

/** Deployments of the cluster's own namespace that are not fully available. */
async function addon({ kube }: Tools, name: string) {
  const deployment = await kube.get('deployments.apps', name, 'kube-system')
  const { availableReplicas = 0 } = (deployment?.['status'] ?? {}) as { availableReplicas?: number }
  return { found: deployment !== undefined, available: availableReplicas }
}

const api: Check<K3sSettings> = {
  id: 'k3s.api',
  title: 'The API server is ready',
  fix: 'journalctl -u k3s on the masters; kubectl get --raw /readyz?verbose names the part that is not ready',
  async ask({ kube }) {
    const answer = await kube.raw('/readyz')
    return answer.trim() === 'ok' ? passed('/readyz: ok') : failed(`/readyz: ${answer.trim()}`)
  },
}

const version: Check<K3sSettings> = {
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

const nodes: Check<K3sSettings> = {
  id: 'k3s.nodes',
  title: 'Every node is Ready',
  fix: 'kubectl describe node NAME shows why; journalctl -u k3s or k3s-agent on that host',
  async ask(tools) {
    const all = await nodesOf(tools)
    const down = all.filter((node) => !isReady(node))
    return down.length === 0 ? passed(`${all.length} of ${all.length}`) : failed(`not Ready: ${names(down)}`)
  },
}

const pressure: Check<K3sSettings> = {
  id: 'k3s.pressure',
  title: 'No node is short of disk, memory or process ids',
  fix: 'free the resource on the host named; old images: k3s crictl rmi --prune',
  async ask(tools) {
    const short = (await nodesOf(tools)).flatMap(pressuresOf)
    return short.length === 0 ? passed('none') : failed(short.join('; '))
  },
}

const pressuresOf = ({ metadata, status }: LiveObject): string[] =>
  ((status as { conditions?: { type: string; status: string }[] }).conditions ?? [])
    .filter((one) => one.type.endsWith('Pressure') && one.status === 'True')
    .map(({ type }) => `${metadata.name} ${type}`)

const servers: Check<K3sSettings> = {
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

const overlap: Check<K3sSettings> = {
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

const dns: Check<K3sSettings> = {
  id: 'k3s.dns',
  title: 'The cluster DNS serves',
  fix: 'kubectl -n kube-system logs deployment/coredns; a resolver on 127.0.0.53 in resolv.conf makes it loop',
  async ask(tools) {
    const { found, available } = await addon(tools, 'coredns')
    if (!found) return failed('there is no Deployment coredns in kube-system')
    return available > 0 ? passed(`${available} pods available`) : failed('no pod of coredns is available')
  },
}

const metrics: Check<K3sSettings> = {
  id: 'k3s.metrics',
  title: 'Metrics are there for every node: autoscalers can act',
  fix: 'kubectl -n kube-system logs deployment/metrics-server; the masters must reach port 10250 of every node',
  async ask(tools) {
    const measured = JSON.parse(await tools.kube.raw('/apis/metrics.k8s.io/v1beta1/nodes')) as {
      items: LiveObject[]
    }
    const seen = new Set(measured.items.map(({ metadata }) => metadata.name))
    const without = (await nodesOf(tools)).filter(({ metadata }) => !seen.has(metadata.name))
    return without.length === 0 ? passed(`${seen.size} nodes`) : failed(`none for ${names(without)}`)
  },
}

const kubelets: Check<K3sSettings> = {
  id: 'k3s.kubelets',
  title: 'The API server reaches the kubelet of every node',
  fix: 'open port 10250 between the masters and the host named, on the private network',
  async ask(tools) {
    const down: string[] = []
    for (const { metadata } of await nodesOf(tools)) {
      const answer = await tools.kube.raw(`/api/v1/nodes/${metadata.name}/proxy/healthz`).catch(() => '')
      if (answer.trim() !== 'ok') down.push(metadata.name)
    }
    return down.length === 0 ? passed('healthz of each: ok') : failed(`no answer from ${down.join(', ')}`)
  },
}

const ingressClass: Check<K3sSettings> = {
  id: 'k3s.ingress-class',
  title: 'The IngressClass of this environment exists',
  fix: 'install an ingress controller for that class, or correct INGRESS_CLASS in platform.env',
  async ask({ kube, settings }) {
    const found = await kube.get('ingressclasses.networking.k8s.io', settings.INGRESS_CLASS)
    const { controller = '' } = (found?.['spec'] ?? {}) as { controller?: string }
    if (found === undefined) return failed(`there is no IngressClass ${settings.INGRESS_CLASS}`)
    return passed(`${settings.INGRESS_CLASS}, controller ${controller}`)
  },
}

const ingressAnswers: Check<K3sSettings> = {
  id: 'k3s.ingress',
  title: 'The ingress answers at every address',
  fix: 'an address that does not answer: look at the ingress pod of that node, then at its firewall',
  async ask({ http, settings }) {
    const host = `ingress-check.${settings.DOMAIN}`
    const addresses = itemsOf(settings.INGRESS_ADDRESSES)
    if (addresses.length === 0)
      return warning('INGRESS_ADDRESSES is empty: each application proves its own public name')
    const seen = await Promise.all(
      addresses.map(async (at) => `${at}: ${(await http.askAt(at, host, '/')).status}`),
    )
    // Nobody has this name: a 404 is the ingress itself speaking.
    const wrong = seen.filter((one) => !one.endsWith(': 404'))
    return wrong.length === 0 ? passed(seen.join(', ')) : failed(wrong.join(', '))
  },
}

const crashing: Check<K3sSettings> = {
  id: 'k3s.system-pods',
  title: 'The cluster’s own pods do not crash',
  fix: 'kubectl -n kube-system describe pod NAME, and its logs with --previous',
  async ask({ kube }) {
    const pods = await kube.list('pods', { namespace: 'kube-system' })
    const waiting = pods.flatMap(({ metadata, status }) => {
      const containers = (status as { containerStatuses?: { state?: { waiting?: { reason?: string } } }[] })
        .containerStatuses
      const reason = containers?.map((one) => one.state?.waiting?.reason).find((one) => one !== undefined)
      return reason === undefined ? [] : [`${metadata.name} ${reason}`]
    })
    return waiting.length === 0 ? passed(`${pods.length} pods`) : failed(waiting.join('; '))
  },
}

/** The part of the final validation that needs no SSH: it also lets a cluster somebody else made be adopted. */
export const checks: ChecksOf<typeof k3s> = [
  api,
  version,
  nodes,
  pressure,
  servers,
  overlap,
  dns,
  metrics,
  kubelets,
  ingressClass,
  ingressAnswers,
  crashing,
]
