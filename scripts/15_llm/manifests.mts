import { stringify } from 'yaml'
import { caSecrets } from '../../lib/kube/manifests/backend-trust.mts'
import { published, tlsOf } from '../../lib/kube/manifests/ingress.mts'
import {
  deliveryEnv,
  deliveryNamespace,
  deliverySecret,
  delivered,
} from '../../lib/kube/manifests/delivery.mts'
import { autoscaled, configMap, selector, service } from '../../lib/kube/manifests/objects.mts'
import { container, deployment, env, podDefaults, probe, resources } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import type { Deployment, Manifest } from '../../lib/kube/types.mts'
import { configName, configOf } from './config.mts'
import { deliveryTo, files, secrets } from './environment.mts'
import { migrateConfig } from './jobs.mts'
import { keysOf } from './keys.mts'
import { servicesOf } from './manifests-services.mts'
import { checksPort, names, proxyPort, secretNames, type Images } from './names.mts'
import { proxy, user } from './pods.mts'
import { checksProgram, checksSource } from './python.mts'
import type { LlmSettings } from './settings.mts'

/** The namespace, Secrets and ConfigMaps of pods and Jobs. @throws KitError exit 2, see modelsOf and servicesOf */
export function prerequisites(settings: LlmSettings): Manifest[] {
  const namespace = names.namespace(settings.ENV)
  const delivery = deliveryTo(settings)
  const rooted = servicesOf(settings).some(({ root }) => root === true)
  const migrating = stringify({ general_settings: { master_key: 'os.environ/LITELLM_MASTER_KEY' } })
  return [
    // Pod Security `restricted` does not allow root; such a pod has no other privilege.
    ...deliveryNamespace(delivery, settings, rooted ? 'baseline' : 'restricted'),
    ...deliverySecret(delivery, secretNames.litellm, secrets(settings)),
    ...(settings.KEYS_ENV === undefined ? [] : deliverySecret(delivery, secretNames.keys, keysOf(settings))),
    ...deliverySecret(delivery, secretNames.files, files(settings)),
    ...(settings.QDRANT_API_KEY === undefined
      ? []
      : deliverySecret(delivery, secretNames.qdrant, { QDRANT_API_KEY: settings.QDRANT_API_KEY })),
    ...caSecrets(namespace, settings),
    configMap(namespace, configName(settings), { 'config.yaml': configOf(settings) }),
    configMap(namespace, migrateConfig, { 'config.yaml': migrating }),
    configMap(namespace, checksName, { 'checks.py': checksSource }),
  ]
}

/** LiteLLM with its autoscaling, and the pod of the checks. @throws KitError exit 2, see modelsOf */
export function workload(settings: LlmSettings, images: Images): Manifest[] {
  const namespace = names.namespace(settings.ENV)
  const one = proxy(settings, images)
  return [
    service(namespace, 'litellm', selector('litellm', 'proxy'), proxyPort),
    one,
    ...autoscaled(one, { most: settings.LITELLM_REPLICAS_MAX, cpuPercent: 70 }),
    service(namespace, checksName, checksLabels, checksPort),
    checksDeployment(settings, images),
  ]
}

/** The name of the Deployment, Service and ConfigMap of the checks' pod. */
export const checksName = 'llm-checks'
/** The labels of that pod. */
export const checksLabels = selector('llm', 'checks')

/** The Deployment of that pod. It is not part of LiteLLM's pods: a failure of it loses no request of a caller. */
function checksDeployment(settings: LlmSettings, images: Images): Deployment {
  const delivery = deliveryTo(settings)
  const hidden = [settings.LITELLM_MASTER_KEY, settings.QDRANT_API_KEY]
  const one = deployment({
    namespace: names.namespace(settings.ENV),
    name: checksName,
    labels: checksLabels,
    replicas: 1,
    strategy: 'Recreate',
    restartOn: [checksSource, hidden.map((secret) => secret?.reveal())],
    pod: podDefaults({
      labels: checksLabels,
      user,
      graceSeconds: 5,
      scratch: {},
      volumes: [{ name: 'program', configMap: { name: checksName } }],
      pullSecret: pullSecretName(settings),
      containers: [
        container({
          name: 'checks',
          image: images.litellm,
          command: ['python3', '-u', checksProgram, 'serve', String(checksPort)],
          env: [
            ...env({ HOME: '/tmp', PYTHONDONTWRITEBYTECODE: '1' }),
            ...deliveryEnv(delivery, secretNames.litellm, { LITELLM_MASTER_KEY: 'LITELLM_MASTER_KEY' }),
            ...(settings.QDRANT_API_KEY === undefined
              ? []
              : deliveryEnv(delivery, secretNames.qdrant, { QDRANT_API_KEY: 'QDRANT_API_KEY' })),
          ],
          ports: [{ name: 'http', containerPort: checksPort }],
          resources: resources('20m', '32Mi', '500m', '128Mi'),
          livenessProbe: probe('/health', checksPort, 20, 6),
          readinessProbe: probe('/health', checksPort, 5, 3),
          volumeMounts: [{ name: 'program', mountPath: '/etc/keybuzz', readOnly: true }],
        }),
      ],
    }),
  })
  return delivered(delivery, one)
}

/** The published paths: the API of callers, and that of administrators, which requires the master key. */
const publicPaths = [
  'v1 chat completions embeddings responses models images audio rerank moderations batches files',
  'key user team model budget spend credentials',
].flatMap((line) => line.split(' ').map((word) => `/${word}`))

/** An Ingress for LiteLLM, and one for each service with a public name. @throws KitError exit 2, see servicesOf */
export const ingress = (settings: LlmSettings): Manifest[] => [
  ...published({
    namespace: names.namespace(settings.ENV),
    name: 'litellm',
    host: settings.LITELLM_HOST,
    ingressClass: settings.INGRESS_CLASS,
    paths: (settings.LITELLM_ADMIN_UI ? ['/'] : publicPaths).map(
      (path) => [path, 'litellm', proxyPort] as const,
    ),
    annotations: streaming,
    tls: tlsOf(settings),
  }),
  ...servicesOf(settings).flatMap(({ name, host, port }) =>
    host === undefined
      ? []
      : published({
          namespace: names.namespace(settings.ENV),
          name,
          host,
          ingressClass: settings.INGRESS_CLASS,
          paths: [['/', name, port]],
          annotations: streaming,
          tls: tlsOf(settings),
        }),
  ),
]

/** Annotations for responses that are streamed for minutes: the ingress controller must not buffer them. */
const streaming = {
  'proxy-body-size': '100m',
  'proxy-read-timeout': '600',
  'proxy-send-timeout': '600',
  'proxy-buffering': 'off',
  'proxy-request-buffering': 'off',
}
