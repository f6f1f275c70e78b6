import { stringify } from 'yaml'
import type { DaemonSet, Manifest, Service } from '../../lib/k8s.mts'
import { systemNamespace } from '../../lib/names.mts'
import { namespace, selector, sha256 } from '../../lib/objects.mts'
import { itemsOf } from '../../lib/validate.mts'
import type { K3sSettings } from './module.mts'

// The ingress: Traefik on every node's own ports 80 and 443, reading nginx.ingress.kubernetes.io annotations.

export const ingressNamespace = 'ingress'
export const ingressName = 'traefik'

/** The ingress of all nodes, as it is waited for. */
export const everyIngress = {
  what: 'the ingress',
  namespace: ingressNamespace,
  name: ingressName,
  hint: 'kubectl -n ingress describe pods; ports 80 and 443 of every node must be free',
}

/** Traefik's own answers for the load balancer; not served to the outside by any Ingress. */
const healthPort = 8082

const labels = selector(ingressName, 'ingress')
const common = { namespace: ingressNamespace, name: ingressName, labels }

export function ingress(settings: K3sSettings, images: { readonly traefik: string }): Manifest[] {
  return [
    namespace(ingressNamespace, { privileged: true }),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: settings.INGRESS_CLASS, labels },
      spec: { controller: 'k8s.io/ingress-nginx' },
    } as Manifest,
    ...rights,
    routesOf(settings),
    daemonSet(settings, images.traefik),
    ...(settings.INGRESS_NODE_PORT === 0 ? [] : [nodePort(settings.INGRESS_NODE_PORT)]),
  ]
}

const rights = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: common },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `keybuzz-${ingressName}`, labels },
    rules: [
      {
        apiGroups: [''],
        resources: ['services', 'secrets', 'configmaps', 'namespaces', 'nodes'],
        verbs: ['get', 'list', 'watch'],
      },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      {
        apiGroups: ['networking.k8s.io'],
        resources: ['ingresses', 'ingressclasses'],
        verbs: ['get', 'list', 'watch'],
      },
      { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['update'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: `keybuzz-${ingressName}`, labels },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: `keybuzz-${ingressName}`,
    },
    subjects: [{ kind: 'ServiceAccount', namespace: ingressNamespace, name: ingressName }],
  },
] as Manifest[]

/** The load balancer asks a node by its address: only then the health path is Traefik's, never an application's. */
const health = (settings: K3sSettings) => ({
  http: {
    routers: {
      health: {
        entryPoints: ['web', 'websecure'],
        rule: `Path(\`${settings.INGRESS_HEALTH_PATH}\`) && HostRegexp(\`^[0-9.]+$\`)`,
        priority: 1_000_000,
        service: 'ping@internal',
      },
    },
  },
})

const routesOf = (settings: K3sSettings): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: common,
    data: { 'health.yaml': stringify(health(settings)) },
  }) as Manifest

/**
 * A trusted load balancer says who its visitor is, by headers or, where TLS passes through it, by the PROXY protocol:
 * Traefik reads that where it comes. Uploads and long answers: an hour, each way. Names with underscores are not let
 * through as other headers.
 */
const entrypoint = (name: string, port: number, trusted: readonly string[]): string[] => [
  `--entrypoints.${name}.address=:${port}`,
  ...(trusted.length === 0
    ? []
    : ['forwardedheaders', 'proxyprotocol'].map(
        (by) => `--entrypoints.${name}.${by}.trustedips=${trusted.join(',')}`,
      )),
  `--entrypoints.${name}.http.aliasheadersstrategy=delete`,
  `--entrypoints.${name}.transport.respondingtimeouts.readtimeout=1h`,
  `--entrypoints.${name}.transport.respondingtimeouts.writetimeout=1h`,
]

function argumentsOf(settings: K3sSettings): string[] {
  const trusted = itemsOf(settings.TRUSTED_PROXIES)
  return [
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
    '--log.level=INFO',
    '--log.nocolor=true',
    '--ping=true',
    '--ping.manualrouting=true',
    `--entrypoints.ping.address=127.0.0.1:${healthPort}`,
    ...entrypoint('web', 80, trusted),
    ...entrypoint('websecure', 443, trusted),
    '--providers.file.directory=/etc/traefik/routes',
    '--providers.kubernetesingressnginx=true',
    `--providers.kubernetesingressnginx.ingressclass=${settings.INGRESS_CLASS}`,
    '--providers.kubernetesingressnginx.controllerclass=k8s.io/ingress-nginx',
  ]
}

/** The one pod with rights of its own: the ports below 1024 of its node. One node at a time is without ingress. */
function daemonSet(settings: K3sSettings, image: string): DaemonSet {
  const args = argumentsOf(settings)
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: common,
    spec: {
      revisionHistoryLimit: 3,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      selector: { matchLabels: labels },
      template: {
        metadata: {
          labels,
          annotations: { 'keybuzz.io/checksum': sha256([args, health(settings)]).slice(0, 16) },
        },
        spec: {
          enableServiceLinks: false,
          serviceAccountName: ingressName,
          hostNetwork: true,
          dnsPolicy: 'ClusterFirstWithHostNet',
          priorityClassName: 'system-node-critical',
          terminationGracePeriodSeconds: 60,
          tolerations: [{ operator: 'Exists' }],
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: ingressName,
              image,
              imagePullPolicy: 'IfNotPresent',
              args,
              readinessProbe: {
                tcpSocket: { host: '127.0.0.1', port: 80 },
                periodSeconds: 2,
              },
              resources: {
                requests: { cpu: '50m', memory: '64Mi' },
                limits: { cpu: '1', memory: '512Mi' },
              },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
              },
              volumeMounts: [{ name: 'routes', mountPath: '/etc/traefik/routes', readOnly: true }],
            },
          ],
          volumes: [{ name: 'routes', configMap: { name: ingressName } }],
        },
      },
    },
  }
}

/** The port older load balancers send to. `Local`: a node answers itself, and the visitor's address stays. */
const nodePort = (port: number): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: common,
  spec: {
    type: 'NodePort',
    externalTrafficPolicy: 'Local',
    selector: labels,
    ports: [{ name: 'http', port: 80, targetPort: 80, nodePort: port }],
  },
})

/** Where the kit says what it made of the machines; a cluster somebody else made has none. */
export const factsName = 'cluster'

/** What the kit made of the machines, for people and for the modules that follow. */
export const clusterFacts = (settings: K3sSettings, version: string): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: systemNamespace, name: factsName },
    data: {
      k3s: version,
      pods: settings.CLUSTER_CIDR,
      services: settings.SERVICE_CIDR,
      overlay: settings.FLANNEL_BACKEND,
      ingress: settings.INGRESS_CONTROLLER,
    },
  }) as Manifest
