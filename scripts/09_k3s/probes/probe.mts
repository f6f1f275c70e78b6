import { askedPort, nodeProbe, probeNamespace } from '../../../lib/kube/probes.mts'
import { published } from '../../../lib/kube/manifests/ingress.mts'
import type { DaemonSet, EnvVar, Manifest, PodSpec, Service, Volume } from '../../../lib/kube/types.mts'
import { namespace, selector, service, checksumOf } from '../../../lib/kube/manifests/objects.mts'
import { container, deployment, podDefaults, resources } from '../../../lib/kube/manifests/pods.mts'
import type { K3sSettings } from '../settings.mts'
import { askedScripts, servedScripts } from './probe-scripts.mts'

// Small pods that test the network from every node. They stay, so that a test is possible at any time. On servedPort
// they show the name of their node and what the ingress reports of a client; on askedPort they send requests for the
// kit.

export { askedPort, probeNamespace }
/** The port of the probes that is open to all. */
export const servedPort = 8080

/** The public name of the canary: an application that exists before any other. Pure. */
export const canaryHost = ({ DOMAIN }: Pick<K3sSettings, 'DOMAIN'>): string => `canary.${DOMAIN}`

/** A name outside the cluster that must exist: pods resolve it by the cluster DNS and the hosts' resolvers. Pure. */
export const outsideName = ({ REGISTRY_SERVER }: Pick<K3sSettings, 'REGISTRY_SERVER'>): string =>
  REGISTRY_SERVER?.replace(/:\d+$/, '') ?? 'docker.io'

/** The DaemonSet of the probes, for everyNodeServes. */
export const everyProbe = {
  what: 'a probe on every node',
  namespace: probeNamespace,
  name: 'probe',
  hint: 'kubectl -n keybuzz-probe describe pods; K3s brings their image with its image tarball',
}

/** Labels of the probes, by their component. */
export const parts = {
  /** On every node. */
  node: nodeProbe,
  /** One pod with a volume of the default StorageClass. */
  volume: selector('probe', 'volume'),
  /** One pod only the probes of the nodes may reach, on one port. */
  guarded: selector('probe', 'guarded'),
  /** One pod that may reach only the probes of the nodes, on one port. */
  confined: selector('probe', 'confined'),
  /** One pod with an image of the private registry as a volume. */
  pull: selector('probe', 'pull'),
}

const common = (name: string) => ({ namespace: probeNamespace, name })

/** The objects on every cluster: a probe on each node, a Service, a NodePort, the canary's Ingress. Pure. */
export function probes(settings: K3sSettings, image: string): Manifest[] {
  return [
    namespace(probeNamespace),
    scripts('served', servedScripts),
    scripts('asked', askedScripts),
    onEveryNode(image, settings),
    service(probeNamespace, 'probe', parts.node, servedPort),
    nodePort,
    ...published({
      namespace: probeNamespace,
      name: 'canary',
      host: canaryHost(settings),
      ingressClass: settings.INGRESS_CLASS,
      paths: [['/', 'probe', servedPort]],
      annotations: {},
      tls: undefined,
    }),
  ]
}

const scripts = (name: string, data: Record<string, string>): Manifest =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: common(name), data }) as Manifest

/** A free port of every node, chosen by the API server. It leads to any probe, as NodePorts of other software do. */
const nodePort: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: common('probe-node-port'),
  spec: {
    type: 'NodePort',
    selector: parts.node,
    ports: [{ name: 'http', port: servedPort, targetPort: servedPort }],
  },
}

const onEveryNode = (image: string, settings: K3sSettings): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { ...common('probe'), labels: parts.node },
  spec: {
    revisionHistoryLimit: 1,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
    selector: { matchLabels: parts.node },
    template: {
      metadata: { labels: parts.node, annotations: checksum(image) },
      // Tolerates all taints: servers and nodes with problems must be tested too.
      spec: {
        ...pod({ labels: parts.node, image, env: targetsOf(settings) }),
        tolerations: [{ operator: 'Exists' }],
      },
    },
  },
})

/** A Deployment with one probe. Its labels, the policies that select them, and its volume are what it tests. Pure. */
export function single(
  name: Exclude<keyof typeof parts, 'node'>,
  image: string,
  volume?: Volume,
  pullSecret?: string,
): Manifest {
  const spec = pod({ labels: parts[name], image, pullSecret })
  const mounts = volume === undefined ? [] : [{ name: volume.name, mountPath: `/${volume.name}` }]
  return deployment({
    namespace: probeNamespace,
    name,
    labels: parts[name],
    pod: {
      ...spec,
      containers: spec.containers.map((one) => ({
        ...one,
        volumeMounts: [...(one.volumeMounts ?? []), ...mounts],
      })),
      volumes: [...(spec.volumes ?? []), ...(volume === undefined ? [] : [volume])],
    },
    restartOn: [servedScripts, askedScripts],
    replicas: 1,
    strategy: 'Recreate',
  })
}

/** The names of the Deployments, which are the single probes, among some objects. Pure. */
export const singlesIn = (objects: readonly Manifest[]): string[] =>
  objects.flatMap(({ kind, metadata }) => (kind === 'Deployment' ? [metadata?.name ?? ''] : []))

/** A volume of the default StorageClass, which is created and deleted with its pod. */
export const ownVolume: Volume = {
  name: 'volume',
  ephemeral: {
    volumeClaimTemplate: {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } },
    },
  },
}

/** What a probe requests besides addresses: from the settings, so that a client cannot choose it. */
const targetsOf = (settings: K3sSettings): EnvVar[] => [
  { name: 'CANARY_HOST', value: canaryHost(settings) },
  { name: 'HEALTH_PATH', value: settings.INGRESS_HEALTH_PATH },
  { name: 'OUTSIDE_NAME', value: outsideName(settings) },
]

interface Pod {
  readonly labels: Record<string, string>
  readonly image: string
  readonly pullSecret?: string | undefined
  readonly env?: readonly EnvVar[]
}

const pod = ({ labels, image, pullSecret, env = [] }: Pod): PodSpec => ({
  ...podDefaults({
    labels,
    user: 65_534,
    graceSeconds: 1,
    scratch: {},
    pullSecret,
    containers: [server('served', image, servedPort), server('asked', image, askedPort, env)],
  }),
  volumes: ['served', 'asked'].map((name) => ({ name, configMap: { name, defaultMode: 0o555 } })),
})

const server = (name: string, image: string, port: number, env: readonly EnvVar[] = []) =>
  container({
    name,
    image,
    command: ['httpd', '-f', '-p', String(port), '-h', '/www'],
    env: [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }, ...env],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 2 },
    resources: resources('5m', '8Mi', '1', '64Mi', '128Mi'),
    volumeMounts: [{ name, mountPath: '/www/cgi-bin', readOnly: true }],
  })

const checksum = (image: string) => checksumOf([servedScripts, askedScripts, image])
