import type { K3sSettings } from '../settings.mts'
import { imageWithDigest, imageWithPlainSha, imageWithSha, versionOf } from './images.mts'
import { pullSecretName } from '../../../lib/kube/manifests/pull-secret.mts'
import { grafanaName, grafanaUser, monitoringNamespace, secrets, type MonitoringImages } from './names.mts'

// The values of the chart kube-prometheus-stack. Pure. No password is among them.

/** What the values are made of. */
export interface ValuesOptions {
  readonly settings: K3sSettings
  readonly images: MonitoringImages
}

const claim = (size: string) => ({
  volumeClaimTemplate: {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: size } } },
  },
})

const sizes = (cpu: string, memory: string, memoryLimit: string) => ({
  requests: { cpu, memory },
  limits: { memory: memoryLimit },
})

/** GiB that Prometheus fills of a volume: it needs room beside its blocks. `8GB` are 8 GiB to it. */
export const retentionGib = (volumeGib: number): number => Math.floor(volumeGib * 0.8)

/**
 * Series of the API server and etcd, which the kubelet of a server shows a second time: K3s is one process. Those of
 * K3s itself stay: a worker shows them nowhere else.
 */
const twice =
  '(apiserver|apiextensions|aggregator|authentication|authorization|etcd|etcd_debugging|workqueue|scheduler|kubeproxy|job_controller|endpoint_slice.*|node_collector|garbagecollector|kine)_.*'

/** The chart's own rule for the kubelet: a list of values replaces the chart's. */
const chartRule = '(csi_operations|storage_operation_duration)_seconds_bucket;(0.25|2.5|15|25|120|600)(\\.0)?'

/** Every selector takes what lies in any namespace, not only what has the label of this release. */
const openSelectors = Object.fromEntries(
  ['rule', 'serviceMonitor', 'podMonitor', 'probe', 'scrapeConfig'].map((kind) => [
    `${kind}SelectorNilUsesHelmValues`,
    false,
  ]),
)

/** The values of the chart for this cluster. */
export const chartValues = ({ settings, images }: ValuesOptions) => ({
  fullnameOverride: monitoringNamespace,
  ...pulling(settings),
  // Definitions are sent on their own, before everything else.
  crds: { enabled: true, upgradeJob: { enabled: false } },
  windowsMonitoring: { enabled: false },
  // K3s runs them inside one process, whose metrics the API server's job has.
  kubeControllerManager: { enabled: false },
  kubeScheduler: { enabled: false },
  kubeProxy: { enabled: false },
  defaultRules: {
    rules: {
      kubeControllerManager: false,
      kubeSchedulerAlerting: false,
      kubeSchedulerRecording: false,
      kubeProxy: false,
      windows: false,
    },
  },
  // Neither of the two wants a token, and plain HTTP would show it.
  coreDns: { enabled: true, serviceMonitor: { bearerTokenFile: '' } },
  kubeEtcd: { enabled: true, endpoints: [], serviceMonitor: { bearerTokenFile: '' } },
  kubelet: {
    serviceMonitor: {
      cAdvisorInterval: '30s',
      metricRelabelings: [
        { action: 'drop', sourceLabels: ['__name__', 'le'], regex: chartRule },
        { action: 'drop', sourceLabels: ['__name__'], regex: twice },
      ],
    },
  },
  prometheusOperator: {
    // Only a Job of the chart's hooks makes the certificate of its webhooks.
    tls: { enabled: false },
    admissionWebhooks: { enabled: false },
    kubeletEndpointsEnabled: false,
    kubeletEndpointSliceEnabled: true,
    image: imageWithSha(images['prometheus-operator']),
    prometheusConfigReloader: {
      image: imageWithSha(images['config-reloader']),
      resources: sizes('10m', '32Mi', '64Mi'),
    },
    resources: sizes('20m', '64Mi', '256Mi'),
  },
  prometheus: {
    prometheusSpec: {
      ...openSelectors,
      serviceDiscoveryRole: 'EndpointSlice',
      image: imageWithSha(images.prometheus),
      ...versionOf(images.prometheus),
      retention: `${settings.MONITORING_DAYS}d`,
      retentionSize: `${retentionGib(settings.MONITORING_GIB)}GB`,
      storageSpec: claim(`${settings.MONITORING_GIB}Gi`),
      resources: sizes('100m', '400Mi', '2Gi'),
    },
  },
  alertmanager: {
    alertmanagerSpec: {
      image: imageWithSha(images.alertmanager),
      ...versionOf(images.alertmanager),
      useExistingSecret: true,
      configSecret: secrets.alertmanager,
      secrets: settings.RECEIVERS_YML === undefined ? [] : [secrets.receivers],
      storage: claim('1Gi'),
      resources: sizes('10m', '64Mi', '256Mi'),
    },
  },
  'prometheus-node-exporter': {
    fullnameOverride: 'node-exporter',
    image: imageWithDigest(images['node-exporter']),
    // Else it listens on every address of the host, the public one too.
    service: { listenOnAllInterfaces: false },
    resources: sizes('10m', '32Mi', '128Mi'),
  },
  'kube-state-metrics': {
    fullnameOverride: 'kube-state-metrics',
    image: imageWithPlainSha(images['kube-state-metrics']),
    collectorsExclude: ['secrets'],
    resources: sizes('10m', '64Mi', '256Mi'),
  },
  grafana: grafana(settings, images),
})

function grafana({ GRAFANA_HOST, TIMEZONE }: K3sSettings, images: MonitoringImages) {
  const sidecar = {
    searchNamespace: monitoringNamespace,
    // Its rights are over ConfigMaps alone: the chart's own would let it read every Secret beside it.
    resource: 'configmap',
    env: { REQ_USERNAME: grafanaUser },
  }
  return {
    fullnameOverride: grafanaName,
    image: imageWithSha(images.grafana),
    // Without it each render draws a new password.
    admin: { existingSecret: secrets.grafana, passwordKey: 'GRAFANA_PASSWORD' },
    env: { GF_SECURITY_ADMIN_USER: grafanaUser },
    persistence: { enabled: true, size: '2Gi' },
    // Its volume is mounted by one pod at a time.
    deploymentStrategy: { type: 'Recreate' },
    // It would run as root; the pod's fsGroup does its work.
    initChownData: { enabled: false },
    rbac: { create: false },
    defaultDashboardsTimezone: TIMEZONE,
    'grafana.ini': {
      analytics: { check_for_updates: false, check_for_plugin_updates: false, reporting_enabled: false },
      users: { allow_sign_up: false },
      ...(GRAFANA_HOST === undefined ? {} : { server: { root_url: `https://${GRAFANA_HOST}` } }),
    },
    sidecar: {
      image: imageWithSha(images['grafana-sidecar']),
      dashboards: sidecar,
      datasources: sidecar,
      resources: sizes('10m', '64Mi', '256Mi'),
    },
    resources: sizes('50m', '128Mi', '512Mi'),
  }
}

const pulling = (settings: K3sSettings) => {
  const name = pullSecretName(settings)
  return name === undefined ? {} : { global: { imagePullSecrets: [{ name }] } }
}
