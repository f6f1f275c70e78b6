import { stringify } from 'yaml'
import type { Sensitive } from '../../../lib/base/sensitive.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import type { K3sSettings } from '../settings.mts'
import { graceSeconds, leaveAfterSeconds } from '../settings-timing.mts'
import { fixedValues } from '../host/fixed.mts'
import { paths, signature } from '../host/paths.mts'

// What K3s is told on each host: pure text.

/** A node as its configuration needs it. */
export interface NodeFacts {
  readonly name: string
  readonly address: string
  /** The interface that carries the private address. */
  readonly interface: string
}

/** Settings with both tokens: what K3s is told needs them. */
export type WithTokens = K3sSettings & { readonly K3S_TOKEN: Sensitive; readonly K3S_AGENT_TOKEN: Sensitive }

/** How a server came into the cluster; it stays so, for K3s reads it only once. */
export type Origin = { readonly begins: true } | { readonly joins: string; readonly token: string }

/** The part every server must have alike, rendered from one object: they cannot differ. */
function common(settings: WithTokens, version: string) {
  const names = itemsOf(settings.API_ADDRESSES)
  return {
    'agent-token': settings.K3S_AGENT_TOKEN.reveal(),
    ...fixedValues(settings),
    disable: disabledIn(version),
    'write-kubeconfig-mode': '0600',
    'etcd-expose-metrics': true,
    'etcd-snapshot-schedule-cron': '0 */6 * * *',
    'etcd-snapshot-retention': 28,
    // Every server's own name and address K3s adds by itself: named here, a new master would restart all others.
    ...(names.length === 0 ? {} : { 'tls-san': names }),
    'node-taint': ['node-role.kubernetes.io/control-plane:NoSchedule'],
    // Acts on pods made from then on, whichever server makes them: so all servers must be told alike.
    'kube-apiserver-arg': [
      `default-not-ready-toleration-seconds=${leaveAfterSeconds}`,
      `default-unreachable-toleration-seconds=${leaveAfterSeconds}`,
    ],
    'kube-controller-manager-arg': [`node-monitor-grace-period=${graceSeconds}s`],
  }
}

/**
 * NodePorts answer at the private address alone. What comes to one is turned to a pod before a firewall of the host is
 * asked, and pods are let through: at a public address nothing on the host would stop it.
 */
const nodePortsOf = ({ address }: NodeFacts) => ({ 'kube-proxy-arg': [`nodeport-addresses=${address}/32`] })

/**
 * What of K3s' own is left out, because the kit brings another. The Gateway API's definitions belong to its Traefik
 * until 1.36, and are an addon of their own from 1.37.
 */
const disabledIn = (version: string): string[] => [
  'traefik',
  'servicelb',
  ...(Number(/^v1\.(\d+)/.exec(version)?.[1] ?? 0) < 37 ? [] : ['gateway-api-crd']),
]

/** config.yaml of a server. @param version of K3s, as versions.json names it: `v1.36.3+k3s1` */
export const serverConfig = (
  settings: WithTokens,
  version: string,
  node: NodeFacts,
  origin: Origin,
): string =>
  configText({
    ...('begins' in origin
      ? { 'cluster-init': true, token: settings.K3S_TOKEN.reveal() }
      : { server: `https://${origin.joins}:6443`, token: origin.token }),
    ...common(settings, version),
    'node-name': node.name,
    'node-ip': node.address,
    'advertise-address': node.address,
    'flannel-iface': node.interface,
    'resolv-conf': paths.resolvConf,
    ...nodePortsOf(node),
  })

/** config.yaml of a worker. */
export const agentConfig = (node: NodeFacts, server: string, token: string): string =>
  configText({
    server: `https://${server}:6443`,
    token,
    'node-name': node.name,
    'node-ip': node.address,
    'flannel-iface': node.interface,
    'resolv-conf': paths.resolvConf,
    ...nodePortsOf(node),
  })

/** K3s reads YAML 1.1: a host may be called `on` or `no`. */
const configText = (values: object): string =>
  `${signature} A change by hand is overwritten by its next run.\n${stringify(values, { version: '1.1' })}`

/** The systemd unit of a server or a worker. @param proxied it reads the file of its proxy too, which must be there */
export const unitText = (role: 'server' | 'agent', proxied: boolean): string => `[Unit]
Description=Lightweight Kubernetes (${role}), installed by the KeyBuzz installer
Documentation=https://docs.k3s.io
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
${proxied ? `EnvironmentFile=${paths.proxy}\n` : ''}KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStart=${paths.binary} ${role}
`
