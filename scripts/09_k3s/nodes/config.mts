import { stringify } from 'yaml'
import type { Sensitive } from '../../../lib/base/sensitive.mts'
import { itemsOf } from '../../../lib/settings/validators.mts'
import type { K3sSettings } from '../settings.mts'
import { graceSeconds, leaveAfterSeconds } from '../settings-timing.mts'
import { fixedValues } from '../host/fixed.mts'
import { paths, signature } from '../host/paths.mts'

// The configuration and the systemd unit of K3s on each host. Pure.

/** What config.yaml needs to know of a node. */
export interface NodeFacts {
  readonly name: string
  readonly address: string
  /** The interface that has the private address; empty when none has. */
  readonly interface: string
}

/** Settings with both tokens, as config.yaml needs them. */
export type WithTokens = K3sSettings & { readonly K3S_TOKEN: Sensitive; readonly K3S_AGENT_TOKEN: Sensitive }

/** Whether a server began the cluster or joined it, and by which address. It stays the same: K3s reads it only once. */
export type Origin = { readonly begins: true } | { readonly joins: string; readonly token: string }

/** The part that must be equal on every server; from one function, so that it cannot differ. */
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
    // K3s adds each server's own name and address itself. If they were listed here, a new master would restart all
    // others.
    ...(names.length === 0 ? {} : { 'tls-san': names }),
    'node-taint': ['node-role.kubernetes.io/control-plane:NoSchedule'],
    // Applies to new pods, whichever API server creates them: so all servers need the same values.
    'kube-apiserver-arg': [
      `default-not-ready-toleration-seconds=${leaveAfterSeconds}`,
      `default-unreachable-toleration-seconds=${leaveAfterSeconds}`,
    ],
    'kube-controller-manager-arg': [`node-monitor-grace-period=${graceSeconds}s`],
  }
}

/**
 * NodePorts listen at the private address only. A packet to a NodePort gets the address of a pod before it reaches the
 * host's firewall, which accepts packets to pods: at a public address no firewall of the host would stop it.
 */
const nodePortsOf = ({ address }: NodeFacts) => ({ 'kube-proxy-arg': [`nodeport-addresses=${address}/32`] })

/**
 * Packaged components of K3s that are disabled, because the kit installs others. The CRDs of the Gateway API are part
 * of K3s' Traefik up to 1.36, and a component of their own from 1.37.
 */
const disabledIn = (version: string): string[] => [
  'traefik',
  'servicelb',
  ...(Number(/^v1\.(\d+)/.exec(version)?.[1] ?? 0) < 37 ? [] : ['gateway-api-crd']),
]

/** The config.yaml of a server. It contains tokens. @param version of K3s, as in versions.json: `v1.36.3+k3s1` */
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

/** The config.yaml of a worker. It contains the token. @param server address of the server to join by */
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

/** In YAML 1.1, as K3s reads it: a host name such as `on` or `no` is then quoted. */
const configText = (values: object): string =>
  `${signature} A change by hand is overwritten by its next run.\n${stringify(values, { version: '1.1' })}`

/** The systemd unit of a server or a worker. @param proxied it also reads paths.proxy, which must exist */
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
