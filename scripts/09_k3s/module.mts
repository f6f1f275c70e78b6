import { defineModule } from '../../lib/run/module.mts'
import { paths } from './host/paths.mts'
import { loadBalancerLines } from './ingress/load-balancer.mts'
import { waivedOf } from './settings-waived.mts'
import { own, shared } from './settings.mts'

/** What a host keeps when K3s is taken off it. */
const kept = [
  `snapshots of the database in ${paths.backups} of each master; K3S_TOKEN opens them`,
  'what firewalld lets through: its rules carry no name of the kit; kernel modules and settings until the host starts anew',
  'the row in servers.tsv: while it is there, the next install of module 9 makes the host a node again',
]

export const k3s = defineModule({
  number: 9,
  slug: 'k3s',
  title: 'K3s HA core',
  scope: 'cluster',
  machines: {
    takeDown: async () => (await import('./remove/take-down.mts')).takeDown,
    staysOnHost: () => kept,
  },
  shared,
  settings: own,
  images: ['traefik', 'probe'],
  information: loadBalancerLines,
  stays: () => kept,
  notProven: ({ WAIVED }) => [
    ...[...waivedOf(WAIVED as string | undefined)].map(
      ([id, reason]) => `Waived by the operator: ${id}: ${reason}`,
    ),
    'VXLAN and WireGuard between hosts are knocked at before K3s is installed; later the kernel has their port, and only traffic of pods proves them.',
    'A firewall that loads its rules by another service than nftables.service, ufw or firewalld may forget the openings at its next start: the next run makes them again.',
    'Traefik may read every Secret of the cluster: its ingress-nginx provider lists them all, and Kubernetes cannot narrow a list to names. Whoever breaks into Traefik reads them.',
    'That every node reaches every other was seen at one moment, between pods, over IPv4.',
  ],
})
