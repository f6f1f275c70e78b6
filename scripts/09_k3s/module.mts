import { defineModule } from '../../lib/run/module.mts'
import { requireVersion, type Versions } from '../../lib/settings/versions.mts'
import { paths } from './host/paths.mts'
import { loadBalancerLines } from './ingress/load-balancer.mts'
import { ingress } from './ingress/manifests.mts'
import {
  historyClaim,
  monitoringImages,
  monitoringNamespace,
  withoutMonitoring,
  type MonitoringImages,
} from './monitoring/names.mts'
import { monitoringObjects } from './monitoring/objects.mts'
import { monitoringLines, monitoringNotProven } from './monitoring/texts.mts'
import { clusterFacts } from './probes/cluster-facts.mts'
import { coreObjects } from './probes/core-objects.mts'
import { mirrorProblems } from './settings-mirror.mts'
import { proxyProblem } from './settings-proxy.mts'
import { waivedOf } from './settings-waived.mts'
import { own, shared, type K3sSettings } from './settings.mts'

type Images = Readonly<Record<'traefik' | 'probe', string>> & MonitoringImages

/** What stays on a host from which K3s was removed. */
const kept = [
  `snapshots of the database in ${paths.backups} of each master; K3S_TOKEN of 09_k3s.env opens them`,
  'what firewalld lets through, here and for this host on the others, for its rules carry no name of the kit: firewall-cmd --zone=trusted --remove-source= with its address, and again with --permanent',
  'kernel modules and settings, until the host starts anew',
  'the row in servers.tsv: while it is there, the next install of module 9 makes the host a node again',
]

export const k3s = defineModule({
  number: 9,
  slug: 'k3s',
  title: 'K3s HA core',
  scope: 'cluster',
  machines: {
    teardown: async () => (await import('./remove/teardown.mts')).teardown,
    staysOnHost: () => kept,
  },
  shared,
  settings: own,
  validate: (settings: K3sSettings) => [proxyProblem(settings) ?? [], mirrorProblems(settings)].flat(),
  images: ['traefik', 'probe', ...monitoringImages],
  imagesOfNodes: ['probe'],
  unusedImages: ({ MONITORING }: K3sSettings) => (MONITORING ? [] : monitoringImages),
  sameInRollback: ['MONITORING'],
  moreKinds: [
    ...['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'].map(
      (kind) => `${kind}.rbac.authorization.k8s.io`,
    ),
    ...['prometheuses', 'alertmanagers', 'prometheusrules', 'servicemonitors'].map(
      (kind) => `${kind}.monitoring.coreos.com`,
    ),
    'endpointslices.discovery.k8s.io',
  ],
  volumes: ({ MONITORING, MONITORING_GIB }: K3sSettings) =>
    MONITORING
      ? [
          {
            namespace: monitoringNamespace,
            claim: historyClaim,
            setting: 'MONITORING_GIB',
            size: `${MONITORING_GIB}Gi`,
            textOf: String,
            otherwise: `give the history up: --set MONITORING=false, then kubectl --namespace ${monitoringNamespace} delete pvc ${historyClaim}, then --set MONITORING=true`,
          },
        ]
      : [],
  objects: (settings: K3sSettings, images: Images, versions: Versions) => ({
    '04_bootstrap_addons': [clusterFacts(settings, requireVersion(versions, 'k3s').version)],
    '05_ingress_daemonset': ingress(settings, images),
    '06_deploy_core_apps': coreObjects(settings, images, withoutMonitoring(versions)),
    // The chart's own objects are rendered by the step.
    '07_install_monitoring': monitoringObjects(settings),
  }),
  notShown: ({ MONITORING }: K3sSettings) =>
    MONITORING
      ? ['The objects of the chart kube-prometheus-stack are not shown: they depend on the cluster’s version']
      : [],
  information: (settings: K3sSettings) => [...loadBalancerLines(settings), ...monitoringLines(settings)],
  stays: () => kept,
  notProven: (settings: K3sSettings) => [
    ...[...waivedOf(settings.WAIVED)].map(([id, reason]) => `Waived by the operator: ${id}: ${reason}`),
    'VXLAN and WireGuard between hosts are probed before K3s is installed; later the kernel has their port, and only traffic of pods proves them.',
    'A firewall that loads its rules by another service than nftables.service, ufw or firewalld may forget the openings at its next start: the next run makes them again.',
    'That a snapshot of etcd can be restored: each opens only with the K3S_TOKEN of the time it was taken, never with K3S_AGENT_TOKEN. 09_k3s.env holds the one of now: keep a copy of it with the snapshots. For a cluster that another environment or somebody else made it stands in server/token of its masters.',
    'Traefik may read every Secret of the cluster: its ingress-nginx provider lists them all, and Kubernetes cannot narrow a list to names. Whoever breaks into Traefik reads them.',
    ...monitoringNotProven(settings),
    'That every node reaches every other was seen at one moment, between pods, over IPv4.',
  ],
})
