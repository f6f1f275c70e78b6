import { stringify } from 'yaml'
import type { DaemonSet, Manifest, Service } from '../../../lib/kube/types.mts'
import { namespace, selector, checksumOf } from '../../../lib/kube/manifests/objects.mts'
import type { K3sSettings } from '../settings.mts'
import { argumentsOf, health } from './traefik.mts'

// The ingress: Traefik on ports 80 and 443 of every node. It reads nginx.ingress.kubernetes.io annotations.

/** The namespace of the ingress controller. */
export const ingressNamespace = 'ingress'
/** The name of its DaemonSet. */
export const ingressName = 'traefik'

/** The DaemonSet of the ingress controller, for everyNodeServes. */
export const everyIngress = {
  what: 'the ingress',
  namespace: ingressNamespace,
  name: ingressName,
  hint: 'kubectl -n ingress describe pods; ports 80 and 443 of every node must be free',
}

const labels = selector(ingressName, 'ingress')
const common = { namespace: ingressNamespace, name: ingressName, labels }

/** The objects of the ingress controller; empty when INGRESS_CONTROLLER is `existing`. Pure. */
export function ingress(settings: K3sSettings, images: { readonly traefik: string }): Manifest[] {
  if (settings.INGRESS_CONTROLLER === 'existing') return []
  return [
    // Its pods use the network of their node, for the client's address and ports 80 and 443.
    namespace(ingressNamespace, 'privileged'),
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

const routesOf = (settings: K3sSettings): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: common,
    data: { 'health.yaml': stringify(health(settings)) },
  }) as Manifest

/** Its pods may listen on ports below 1024 of their node. An update stops the ingress of one node at a time. */
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
          annotations: checksumOf([args, health(settings)]),
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
                requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
                limits: { cpu: '1', memory: '512Mi', 'ephemeral-storage': '2560Mi' },
              },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
              },
              volumeMounts: [
                { name: 'routes', mountPath: '/etc/traefik/routes', readOnly: true },
                // Bodies of requests with a size limit are buffered here.
                { name: 'tmp', mountPath: '/tmp' },
              ],
            },
          ],
          volumes: [
            { name: 'routes', configMap: { name: ingressName } },
            { name: 'tmp', emptyDir: { sizeLimit: '2Gi' } },
          ],
        },
      },
    },
  }
}

/** The port that older load balancers use. `Local`: each node answers itself, and the client's address is kept. */
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
