import type { Versions } from '../../../lib/settings/versions.mts'

// What the objects of the monitoring are called. Never change them: volumes are named after them.

/** The namespace of the monitoring, and the release name of its chart. */
export const monitoringNamespace = 'monitoring'

/** The Prometheus and the Alertmanager, both resources and Services of that name. */
export const [prometheusName, alertmanagerName] = ['monitoring-prometheus', 'monitoring-alertmanager']

/** The volume of Prometheus' history. */
export const historyClaim = `prometheus-${prometheusName}-db-prometheus-${prometheusName}-0`

/** The Deployment and Service of Grafana, its ServiceAccount and its volume. */
export const grafanaName = 'grafana'

/** Grafana's account. */
export const grafanaUser = 'admin'

/** The Deployment of Prometheus' operator. */
export const operatorName = 'monitoring-operator'

/** Secrets of the kit's own. */
export const secrets = {
  grafana: 'grafana-admin',
  /** The configuration of Alertmanager, without passwords. */
  alertmanager: 'alertmanager-config',
  /** Passwords and addresses of receivers, which Alertmanager reads as files. */
  receivers: 'alertmanager-receivers',
} as const

/** The PrometheusRule of the kit's own. */
export const ownRulesName = 'keybuzz'

/** The images of the monitoring, by their names in versions.json. The first is the chart itself. */
export const monitoringImages = [
  'kube-prometheus-stack',
  'prometheus-operator',
  'config-reloader',
  'prometheus',
  'alertmanager',
  'node-exporter',
  'kube-state-metrics',
  'grafana',
  'grafana-sidecar',
] as const

/**
 * The versions without those of the monitoring: whoever pulls its images needs no account, so that they prove nothing of
 * the registry's.
 */
export const withoutMonitoring = (versions: Versions): Versions =>
  Object.fromEntries(
    Object.entries(versions).filter(([name]) => !monitoringImages.some((image) => image === name)),
  )

/** Image references by their name in versions.json. */
export type MonitoringImages = Readonly<Record<(typeof monitoringImages)[number], string>>

/** The chart's Service of etcd. */
export const etcdService = { namespace: 'kube-system', name: 'monitoring-kube-etcd' }

/** The service the operator makes in kube-system for the kubelets. It has no owner, and stays. */
export const kubeletService = { namespace: 'kube-system', name: 'monitoring-kubelet' }
