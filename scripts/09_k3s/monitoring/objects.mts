import { sensitive } from '../../../lib/base/sensitive.mts'
import { published, tlsOf } from '../../../lib/kube/manifests/ingress.mts'
import { secretEnv } from '../../../lib/kube/manifests/objects.mts'
import { applicationNamespace } from '../../../lib/kube/manifests/pull-secret.mts'
import { isServer } from '../../../lib/kube/cluster-view.mts'
import type { LiveObject, Manifest } from '../../../lib/kube/types.mts'
import { addressOf } from '../probes/network.mts'
import type { K3sSettings } from '../settings.mts'
import { alertmanagerConfig, receiverFiles, receiversOf } from './alertmanager.mts'
import { etcdService, grafanaName, monitoringNamespace, secrets } from './names.mts'

// What the chart only names: its namespace, its Secrets, Grafana's rights and its Ingress. Pure.

/** Port of Grafana's Service. */
const grafanaPort = 80

/** A text that is kept in a Secret although it holds none: it is not redacted elsewhere. */
const notSecret = (text: string) => sensitive(text, Infinity)

/** The objects beside those of the chart; empty when the cluster is not monitored. @throws KitError exit 2 for RECEIVERS_YML */
export function monitoringObjects(settings: K3sSettings): Manifest[] {
  if (!settings.MONITORING) return []
  const { RECEIVERS_YML, GRAFANA_PASSWORD, GRAFANA_HOST, INGRESS_CLASS } = settings
  const receivers = receiversOf(settings)
  const { text } = alertmanagerConfig(receivers)
  return [
    // node-exporter uses the network, the processes and the disks of its node.
    ...applicationNamespace(monitoringNamespace, settings, 'privileged'),
    secretEnv(monitoringNamespace, secrets.grafana, { GRAFANA_PASSWORD }),
    secretEnv(monitoringNamespace, secrets.alertmanager, { 'alertmanager.yaml': notSecret(text) }),
    ...(RECEIVERS_YML === undefined
      ? []
      : // The file is there too, under its setting's key, so that a lost one is restored.
        [secretEnv(monitoringNamespace, secrets.receivers, { ...receiverFiles(receivers), RECEIVERS_YML })]),
    ...grafanaRights,
    ...(GRAFANA_HOST === undefined
      ? []
      : published({
          namespace: monitoringNamespace,
          name: grafanaName,
          host: GRAFANA_HOST,
          ingressClass: INGRESS_CLASS,
          paths: [['/', grafanaName, grafanaPort]],
          annotations: {},
          tls: tlsOf(settings, 'GRAFANA_'),
        })),
  ]
}

/** Dashboards and data sources are ConfigMaps. The chart's own rights are over every Secret of the namespace too. */
const grafanaRights: readonly Manifest[] = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { namespace: monitoringNamespace, name: grafanaName },
    rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'watch', 'list'] }],
  } as Manifest,
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { namespace: monitoringNamespace, name: grafanaName },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: grafanaName },
    subjects: [{ kind: 'ServiceAccount', namespace: monitoringNamespace, name: grafanaName }],
  } as Manifest,
]

/**
 * Where the servers show the metrics of their etcd, for the chart's Service in kube-system: etcd is no pod of K3s. The
 * chart itself would make v1 Endpoints of it, of which the API server warns at each look.
 * @param nodes all Nodes of the cluster
 */
export const etcdMembers = (nodes: readonly LiveObject[]): Manifest =>
  ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...etcdService,
      labels: {
        'kubernetes.io/service-name': etcdService.name,
        'endpointslice.kubernetes.io/managed-by': 'keybuzz',
      },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http-metrics', port: 2381, protocol: 'TCP' }],
    endpoints: nodes
      .filter(isServer)
      .map((node) => ({
        addresses: [addressOf(node)],
        conditions: { ready: true },
        nodeName: node.metadata.name,
      }))
      .toSorted((one, other) => one.nodeName.localeCompare(other.nodeName)),
  }) as Manifest
