import { delivered, deliveryEnv, readingFiles } from '../../lib/kube/manifests/delivery.mts'
import { autoscaled, selector, service } from '../../lib/kube/manifests/objects.mts'
import { container, deployment, env, podDefaults, probe, resources } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import { statefulSet, volumeClaim } from '../../lib/kube/manifests/stateful.mts'
import type { Deployment, EnvVar, Manifest, StatefulSet } from '../../lib/kube/types.mts'
import { deliveryTo } from './environment.mts'
import { isIn, keysOf, qdrantKey, serviceKeys } from './keys.mts'
import { names, proxyPort, qdrantPorts, secretNames, type Images } from './names.mts'
import { readServices, servicesFile, type Service } from './services.mts'
import type { LlmSettings } from './settings.mts'

/** The operator's services; none without their file. @throws KitError exit 2 when it or the file of keys is invalid */
export const servicesOf = (settings: LlmSettings): readonly Service[] =>
  settings.SERVICES_YML === undefined
    ? []
    : readServices(
        settings.SERVICES_YML.reveal(),
        serviceKeys(isIn(Object.keys(keysOf(settings))), settings.VECTOR_STORE_URL),
        settings.LITELLM_HOST,
      )

/** True unless an external vector store is set. */
export const hasQdrant = ({ VECTOR_STORE_URL }: LlmSettings): boolean => VECTOR_STORE_URL === undefined

/** The objects of Qdrant and of the operator's services. @throws KitError exit 2, see servicesOf */
export const aiServices = (settings: LlmSettings, images: Images): Manifest[] => [
  ...(hasQdrant(settings) ? qdrant(settings, images) : []),
  ...servicesOf(settings).flatMap((one) => generic(settings, one)),
]

/** The labels of Qdrant's pod. */
export const qdrantLabels = selector('qdrant', 'store')
/** The name of the PersistentVolumeClaim of Qdrant's volume. */
export const qdrantClaim = 'qdrant-storage'

function qdrant(settings: LlmSettings, images: Images): Manifest[] {
  const namespace = names.namespace(settings.ENV)
  const one = service(namespace, 'qdrant', qdrantLabels, qdrantPorts.http)
  const grpc = { name: 'grpc', port: qdrantPorts.grpc, targetPort: qdrantPorts.grpc }
  return [
    volumeClaim(namespace, qdrantClaim, settings.QDRANT_STORAGE, settings.QDRANT_STORAGE_CLASS),
    { ...one, spec: { ...one.spec, ports: [...(one.spec?.ports ?? []), grpc] } } as Manifest,
    qdrantSet(settings, images),
  ]
}

/** What the image starts with, in its own folder: the container’s working directory. */
const qdrantEntrypoint = ['/qdrant/entrypoint.sh']

function qdrantSet(settings: LlmSettings, images: Images): StatefulSet {
  const delivery = deliveryTo(settings)
  const key = deliveryEnv(delivery, secretNames.qdrant, { QDRANT__SERVICE__API_KEY: qdrantKey })
  const command = readingFiles(delivery, key, qdrantEntrypoint)
  const one = statefulSet({
    namespace: names.namespace(settings.ENV),
    name: 'qdrant',
    labels: qdrantLabels,
    restartOn: [settings.QDRANT_API_KEY?.reveal()],
    pod: podDefaults({
      labels: qdrantLabels,
      user: 1000,
      graceSeconds: 60,
      scratch: { state: '64Mi' },
      volumes: [{ name: 'storage', persistentVolumeClaim: { claimName: qdrantClaim } }],
      pullSecret: pullSecretName(settings),
      containers: [
        container({
          name: 'qdrant',
          image: images.qdrant,
          ...(command === undefined ? {} : { command }),
          env: [
            ...env({
              RUN_MODE: 'production',
              QDRANT__TELEMETRY_DISABLED: true,
              // Otherwise a caller can make the server fetch any URL.
              QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY: false,
              QDRANT__STORAGE__STORAGE_PATH: '/qdrant/storage/data',
              QDRANT__STORAGE__SNAPSHOTS_PATH: '/qdrant/storage/snapshots',
              QDRANT_INIT_FILE_PATH: '/qdrant/state/.initialized',
            }),
            ...key,
          ],
          ports: [
            { name: 'http', containerPort: qdrantPorts.http },
            { name: 'grpc', containerPort: qdrantPorts.grpc },
          ],
          resources: resources('100m', '256Mi', '1', '1Gi'),
          // It loads its collections first. Later these paths always answer 200: a check writes and searches a point.
          startupProbe: probe('/readyz', qdrantPorts.http, 2, 300),
          livenessProbe: probe('/livez', qdrantPorts.http, 20, 6),
          readinessProbe: probe('/readyz', qdrantPorts.http, 5, 3),
          lifecycle: { preStop: { sleep: { seconds: 3 } } },
          volumeMounts: [
            { name: 'storage', mountPath: '/qdrant/storage' },
            { name: 'state', mountPath: '/qdrant/state' },
          ],
        }),
      ],
    }),
  })
  return delivered(delivery, one)
}

/** The labels of the pods of one service. */
export const serviceLabels = (name: string) => selector('llm-service', name)

/** What lowers the request or the pods of a workload of this module. @throws KitError exit 2, see servicesOf */
export function sizedBy(settings: LlmSettings, workload: string): string | undefined {
  if (workload === 'qdrant' && hasQdrant(settings))
    return 'set VECTOR_STORE_URL to an external vector store: then there is no Qdrant'
  return servicesOf(settings).some(({ name }) => name === workload)
    ? `lower resources or replicas of ${workload} in credentials/${settings.ENV}/${servicesFile}`
    : undefined
}

/** The objects of one service of the operator. */
function generic(settings: LlmSettings, one: Service): Manifest[] {
  const labels = serviceLabels(one.name)
  const { replicas = 1 } = one
  const made = genericDeployment(settings, one, labels)
  const [, budget] = autoscaled(made, { most: replicas, cpuPercent: 70 })
  return [
    service(names.namespace(settings.ENV), one.name, labels, one.port),
    made,
    // With one pod a PodDisruptionBudget would only block a drain of its node.
    ...(replicas > 1 ? [budget] : []),
  ]
}

function genericDeployment(settings: LlmSettings, one: Service, labels: Record<string, string>): Deployment {
  const { name, image, port, health, uid, folders = [], environment = [], replicas = 1, root = false } = one
  const values = keysOf(settings)
  const mounts = folders.map((mountPath, at) => ({ name: `folder-${at}`, mountPath }))
  const { cpu, memory, cpuLimit, memoryLimit } = one.resources
  const pod = podDefaults({
    labels,
    user: uid ?? 0,
    graceSeconds: 30,
    scratch: Object.fromEntries(mounts.map((mount) => [mount.name, '1Gi'])),
    pullSecret: pullSecretName(settings),
    containers: [
      container({
        name,
        image,
        env: variables(settings, environment),
        ports: [{ name: 'http', containerPort: port }],
        resources: resources(cpu, memory, cpuLimit, memoryLimit, `${1 + folders.length}Gi`),
        // A service may first load a model into memory, which takes minutes.
        startupProbe: probe(health, port, 5, 180),
        livenessProbe: probe(health, port, 20, 6),
        readinessProbe: probe(health, port, 5, 3),
        ...(replicas > 1 ? { lifecycle: { preStop: { sleep: { seconds: 5 } } } } : {}),
        volumeMounts: mounts,
        ...(root ? { securityContext: rootContext } : {}),
      }),
    ],
  })
  const made = deployment({
    namespace: names.namespace(settings.ENV),
    name,
    labels,
    replicas,
    pod: root ? { ...pod, securityContext: { ...pod.securityContext, runAsNonRoot: false } } : pod,
    restartOn: environment.map((key) => valueOf(settings, key, values)),
  })
  return delivered(deliveryTo(settings), made)
}

/** The security context of root: a writable root filesystem, and no other privilege. */
const rootContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: false,
}

const valueOf = (settings: LlmSettings, key: string, values: ReturnType<typeof keysOf>): string | undefined =>
  (values[key] ?? (key === qdrantKey ? settings.QDRANT_API_KEY : undefined))?.reveal()

/**
 * The environment of a service: the URLs of LiteLLM and of the vector store, and the keys that it lists. With
 * SECRETS=vault a key is the path of a file, in the variable of its name with _FILE.
 */
function variables(settings: LlmSettings, environment: readonly string[]): EnvVar[] {
  const values = keysOf(settings)
  const own = environment.filter((key) => key in values)
  return [
    ...env({
      LITELLM_URL: `http://litellm:${proxyPort}`,
      QDRANT_URL: settings.VECTOR_STORE_URL ?? `http://qdrant:${qdrantPorts.http}`,
      TZ: settings.TIMEZONE,
    }),
    ...deliveryEnv(deliveryTo(settings), secretNames.keys, Object.fromEntries(own.map((key) => [key, key]))),
    ...(hasQdrant(settings) && environment.includes(qdrantKey)
      ? deliveryEnv(deliveryTo(settings), secretNames.qdrant, { [qdrantKey]: qdrantKey })
      : []),
  ]
}
