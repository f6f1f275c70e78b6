import { few } from '../../../lib/base/few.mts'
import { failed, passed, warning, type Answer, type Check } from '../../../lib/checks/checks.mts'
import { nodesOf, type Tools } from './nodes.mts'
import type { K3sSettings } from '../settings.mts'
import { lookAtNetwork, questions, type Network } from '../probes/network.mts'
import { isKitMade } from '../probes/cluster-facts.mts'

// What the probes of the nodes reach. Without probes nothing is proven, and the answer says so.

const networkOf = (tools: Tools): Promise<Network> =>
  tools.once('network', async () => lookAtNetwork(tools.kube, await nodesOf(tools), tools.settings))

/** The answer when there are no probes; undefined when there are. */
async function withoutProbes(tools: Tools, { probes }: Network): Promise<Answer | undefined> {
  if (probes.length > 0) return undefined
  return (await isKitMade(tools))
    ? failed('its probes are gone')
    : warning('not proven: the kit puts its probes only on a cluster it made')
}

/** Counts the items of one kind, and lists those that failed: `a -> b`. */
async function asked(tools: Tools, kind: keyof typeof questions) {
  const network = await networkOf(tools)
  const none = await withoutProbes(tools, network)
  let count = 0
  const wrong = network.probes.flatMap((probe) =>
    questions[kind](network, probe, tools.settings).flatMap(({ item, what }) => {
      count += 1
      return network.seen.get(probe.node)?.has(item) === true ? [] : [`${probe.node} -> ${what}`]
    }),
  )
  return { none, network, count, wrong }
}

/** Most nodes, or connections between two, that an answer names. */
const mostNamed = 6

interface Reaching {
  readonly id: string
  readonly title: string
  readonly fix: string
  /** What is counted, in the plural: `ways` in `20 ways`. */
  readonly unit: string
}

/** A check that the probe of every node succeeds for all items of one kind. */
const reaches = (kind: keyof typeof questions, { unit, ...about }: Reaching): Check<K3sSettings> => ({
  ...about,
  async ask(tools) {
    const { none, network, count, wrong } = await asked(tools, kind)
    if (none !== undefined) return none
    if (network.silent.length > 0) return failed(`no probe runs on ${network.silent.join(', ')}`)
    return wrong.length === 0
      ? passed(`${count} ${unit}`)
      : failed(`${few(wrong, mostNamed)} of ${count} ${unit}`)
  },
})

const overlay =
  'open the overlay between the hosts named (UDP 8472 for VXLAN) on the private network; compare the interface in flannel’s annotations of the nodes'

export const pods = reaches('pods', {
  id: 'k3s.pods',
  title: 'A pod on every node reaches a pod on every other node',
  fix: overlay,
  unit: 'ordered pairs of nodes',
})

export const payload = reaches('payload', {
  id: 'k3s.payload',
  title: 'A payload larger than one packet passes between every pair of nodes',
  fix: 'small packets pass and large ones do not: the MTU of the private network is smaller than the overlay believes',
  unit: 'ordered pairs of nodes, 64 KiB each',
})

export const services = reaches('service', {
  id: 'k3s.service',
  title: 'Every node reaches a Service',
  fix: 'kube-proxy of the node named: journalctl -u k3s or k3s-agent; rules of another firewall may come first',
  unit: 'nodes',
})

export const nodePorts = reaches('nodePort', {
  id: 'k3s.node-port',
  title: 'Every node reaches a NodePort of every node',
  fix: 'the forward policy of the host on the right, and the ranges of pods in its firewall',
  unit: 'ways',
})

export const namesInside = reaches('inside', {
  id: 'k3s.names-inside',
  title: 'Every node resolves names of the cluster',
  fix: 'the way from the node named to the pods of CoreDNS: k3s.pods and k3s.service tell more',
  unit: 'nodes',
})

export const namesOutside: Check<K3sSettings> = {
  id: 'k3s.names-outside',
  title: 'Every node resolves names outside the cluster',
  fix: 'the resolvers in resolv.conf of the nodes CoreDNS runs on; on a cluster without a way out nothing is to do',
  async ask(tools) {
    const { none, count, wrong } = await asked(tools, 'outside')
    if (none !== undefined) return none
    if (wrong.length === 0) return passed(`${count} nodes`)
    return wrong.length < count
      ? failed(few(wrong, mostNamed))
      : warning(`not met here: no node resolves ${wrong[0]?.split(' -> ')[1]}`)
  },
}

export const canary = reaches('canary', {
  id: 'k3s.canary',
  title: 'An application is served through the ingress of every node',
  fix: 'kubectl -n keybuzz-probe describe ingress canary; then the ingress pod of the node on the right, and who has its port',
  unit: 'ways',
})

export const ingressHealth = reaches('health', {
  id: 'k3s.ingress-health',
  title: 'Every node answers the load balancer’s health check',
  fix: 'INGRESS_HEALTH_PATH must be what the ingress answers by the node’s address',
  unit: 'ways',
})
