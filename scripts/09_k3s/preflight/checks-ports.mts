import { failed, passed } from '../../../lib/checks/checks.mts'
import type { HostCheck, HostFacts } from './check.mts'

// Ports that K3s and the ingress use: free, or in use by the kit's own K3s.

interface Port {
  readonly port: number
  readonly protocol?: 'udp'
  readonly what: string
  readonly when?: (host: HostFacts) => boolean
}

const onMaster = ({ role }: HostFacts): boolean => role === 'master'
const ingressHere = ({ settings }: HostFacts): boolean => settings.INGRESS_CONTROLLER === 'traefik'

const needed: readonly Port[] = [
  { port: 6443, what: 'the API', when: onMaster },
  { port: 2379, what: 'clients of etcd', when: onMaster },
  { port: 2380, what: 'members of etcd', when: onMaster },
  { port: 2381, what: 'metrics of etcd', when: onMaster },
  { port: 2382, what: 'etcd itself', when: onMaster },
  { port: 10257, what: 'the controller manager', when: onMaster },
  { port: 10258, what: 'the cloud controller', when: onMaster },
  { port: 10259, what: 'the scheduler', when: onMaster },
  { port: 6444, what: 'the way to the servers' },
  { port: 10010, what: 'containerd' },
  { port: 10248, what: 'health of the kubelet' },
  { port: 10249, what: 'metrics of kube-proxy' },
  { port: 10250, what: 'the kubelet' },
  { port: 10256, what: 'health of kube-proxy' },
  { port: 80, what: 'the ingress', when: ingressHere },
  { port: 443, what: 'the ingress', when: ingressHere },
  { port: 8082, what: 'health of the ingress', when: ingressHere },
  { port: 9100, what: 'metrics of the node', when: ({ settings }) => settings.MONITORING },
  {
    port: 8472,
    protocol: 'udp',
    what: 'VXLAN',
    when: ({ settings }) => settings.FLANNEL_BACKEND === 'vxlan',
  },
  {
    port: 51820,
    protocol: 'udp',
    what: 'WireGuard',
    when: ({ settings }) => settings.FLANNEL_BACKEND === 'wireguard-native',
  },
]

/**
 * Programs that listen on a node of the kit: K3s, by the path of its binary, the ingress, and `pod`, a node-exporter in
 * one: an operator's own runs as a service of the host (see preflightScript).
 */
const own = /^(k3s|traefik|pod$)/

const check = ({ port, protocol, what, when = () => true }: Port): HostCheck => ({
  id: `host.port-${port}`,
  title: `Port ${port}${protocol === undefined ? '' : `/${protocol}`} is free for ${what}`,
  fix: `ss -lntup | grep :${port} names who has it: move or stop that`,
  waivable: false,
  ask(host) {
    if (!when(host)) return passed('not needed')
    const [taken] = host.said
      .all('port')
      .filter(([kind, one]) => kind === (protocol ?? 'tcp') && one === String(port))
    if (taken === undefined) return passed('free')
    const who = taken[2] ?? 'somebody'
    // The kernel itself listens for VXLAN and WireGuard: ss shows no program for that port.
    return host.said.has('ours') && (own.test(who) || taken[2] === undefined)
      ? passed(`${who}, our own`)
      : failed(`taken by ${who}`)
  },
})

export const ports: readonly HostCheck[] = needed.map(check)
