import type { SettingsOf } from '../../lib/run/module.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import { backendAddresses, registry } from '../../lib/settings/platform-backends.mts'
import { general, ingress } from '../../lib/settings/platform.mts'
import { mirror } from './settings-mirror.mts'
import { monitoring } from './settings-monitoring.mts'
import { proxy } from './settings-proxy.mts'
import { release } from './settings-release.mts'
import { ssh } from './settings-ssh.mts'
import { tokenProblem } from './settings-tokens.mts'
import { waivedProblem } from './settings-waived.mts'
import {
  isAddress,
  isAddressOrCidr,
  isBetween,
  isCidr,
  isHostOrAddress,
  listOf,
} from '../../lib/settings/validators.mts'

// The settings of module 9: of the cluster, and of its ingress.

export const cluster = [
  {
    key: 'K3S_TOKEN',
    title: 'Token of the servers',
    help: 'Taken over from the masters of a cluster that is there, else made with it. Also the passphrase of every etcd snapshot taken while it is this one: back it up, without it none can be restored',
    kind: 'sensitive',
    optional: true,
    keep: true,
    validate: tokenProblem,
  },
  {
    key: 'K3S_AGENT_TOKEN',
    title: 'Token of the workers',
    help: 'As K3S_TOKEN; it opens no snapshot',
    kind: 'sensitive',
    optional: true,
    keep: true,
    validate: tokenProblem,
  },
  {
    key: 'API_ADDRESSES',
    title: 'Names of the API',
    help: 'Load balancer addresses and names that lead to port 6443, comma-separated: they go into the certificate',
    kind: 'text',
    optional: true,
    validate: listOf(isHostOrAddress),
  },
  {
    key: 'ADMIN_ADDRESSES',
    title: 'Machines of administrators',
    help: 'Addresses or ranges the firewalls of the hosts let through to the API and the ingress, comma-separated. Nodes and load balancers always are',
    kind: 'text',
    optional: true,
    validate: listOf(isAddressOrCidr),
  },
  {
    key: 'CLUSTER_CIDR',
    title: 'Range of the pods',
    help: 'Cannot be changed later',
    kind: 'text',
    default: '10.42.0.0/16',
    validate: isCidr,
  },
  {
    key: 'SERVICE_CIDR',
    title: 'Range of the Services',
    help: 'Cannot be changed later',
    kind: 'text',
    default: '10.43.0.0/16',
    validate: isCidr,
  },
  {
    key: 'CLUSTER_DNS',
    title: 'Address of the cluster DNS',
    kind: 'text',
    default: '10.43.0.10',
    validate: isAddress,
  },
  {
    key: 'FLANNEL_BACKEND',
    title: 'Overlay',
    help: 'vxlan; host-gw where all nodes share a segment; wireguard-native where the private network is not trusted',
    kind: 'choice',
    choices: ['vxlan', 'host-gw', 'wireguard-native'],
    default: 'vxlan',
  },
  {
    key: 'WAIVED',
    title: 'Waived checks of hosts',
    help: 'id: reason; id: reason. They are named at every run and in every report',
    kind: 'text',
    optional: true,
    validate: waivedProblem,
  },
  {
    key: 'JOIN_PARALLEL',
    title: 'Workers at once',
    kind: 'number',
    default: '5',
    validate: isBetween(1, 50),
  },
  {
    key: 'DRAIN_SECONDS',
    title: 'Seconds to move the pods of a host',
    help: 'Before a host is taken out of the cluster: how long disruption budgets may hold its pods',
    kind: 'number',
    default: '300',
    validate: isBetween(5, 3600),
  },
] as const satisfies readonly Setting[]

export const ingressController = [
  {
    key: 'INGRESS_CONTROLLER',
    title: 'Ingress controller',
    help: 'traefik: installed here, on every node. existing: install none, prove the one that is there',
    kind: 'choice',
    choices: ['traefik', 'existing'],
    default: 'traefik',
  },
  {
    key: 'INGRESS_NODE_PORT',
    title: 'NodePort of the ingress',
    help: '0: none. 31695 for load balancers that were set up for the first version',
    kind: 'number',
    default: '0',
    validate: (value) => (value === '0' ? undefined : isBetween(30_000, 32_767)(value)),
  },
  {
    key: 'INGRESS_HEALTH_PATH',
    title: 'Health path',
    help: 'What the load balancer asks each node for, by HTTP',
    kind: 'text',
    default: '/healthz',
    validate: (value) => (/^\/[\w./-]*$/.test(value) ? undefined : 'must be a path such as /healthz'),
  },
  {
    key: 'TRUSTED_PROXIES',
    title: 'Trusted proxies',
    help: 'Ranges of the load balancers, comma-separated: only their X-Forwarded-* headers and PROXY protocol are believed',
    kind: 'text',
    optional: true,
    validate: listOf(isCidr),
  },
] as const satisfies readonly Setting[]

/** Settings that it shares with other modules. */
export const shared = [...general, ...ingress, ...backendAddresses, ...registry] as const

/** Its own settings. */
export const own = [
  ...ssh,
  ...release,
  ...proxy,
  ...mirror,
  ...cluster,
  ...ingressController,
  ...monitoring,
] as const

/** The settings of module 9, as resolved. */
export type K3sSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
