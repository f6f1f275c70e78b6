import { caMounts, casOf, caVolumes } from '../../lib/kube/manifests/backend-trust.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { delivered, readingFiles } from '../../lib/kube/manifests/delivery.mts'
import { container, deployment, podDefaults, probe, resources } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import type { Container, Deployment, EnvVar, PodSpec } from '../../lib/kube/types.mts'
import { configName, keysOfModels } from './config.mts'
import { commonEnv, deliveryTo, keysRead, secrets, shutdownSeconds } from './environment.mts'
import { names, proxyPort, type Images } from './names.mts'
import { askConnected } from './python.mts'
import type { LlmSettings } from './settings.mts'

/** uid and gid of the user `nobody` of the image. */
export const user = 65_534

const configFile = '/etc/litellm/config.yaml'
/** Seconds for which a pod that is deleted still serves: its address leaves the Services a moment later. */
const lingerSeconds = 10

/** The entrypoint of the image: the container’s arguments follow it. */
const entrypoint = ['/app/docker/prod_entrypoint.sh']

/** A process of LiteLLM, and what its container has beyond the common fields. */
export interface Process {
  readonly name: string
  readonly args: readonly string[]
  /** The ConfigMap with its configuration. Unless given, that of the models; only then it gets their keys. */
  readonly config?: string
  /** Variables beyond commonEnv. */
  readonly more?: readonly EnvVar[]
  /** Other fields of the container. */
  readonly rest: Partial<Container>
}

/** The arguments of every process of LiteLLM. Without an explicit port it could choose any free one. */
export const withConfig = (...more: readonly string[]): string[] => [
  '--config',
  configFile,
  '--port',
  String(proxyPort),
  '--host',
  '0.0.0.0',
  ...more,
]

/** A pod with one process of LiteLLM. @throws KitError exit 2, see modelsOf, unless `config` is given */
export function podOf(
  settings: LlmSettings,
  images: Images,
  labels: Record<string, string>,
  { name, args, config, more = [], rest }: Process,
): PodSpec {
  const variables = [...commonEnv(settings, config === undefined ? keysOfModels(settings) : []), ...more]
  // LiteLLM reads variables only.
  const command = readingFiles(deliveryTo(settings), variables, entrypoint)
  return podDefaults({
    labels,
    user,
    graceSeconds: lingerSeconds + shutdownSeconds + 10,
    scratch: { tmp: '2Gi' },
    volumes: [
      { name: 'config', configMap: { name: config ?? configName(settings) } },
      ...caVolumes(settings),
    ],
    pullSecret: pullSecretName(settings),
    containers: [
      container({
        name,
        image: images.litellm,
        ...(command === undefined ? {} : { command }),
        args: [...args],
        env: variables,
        volumeMounts: [
          { name: 'tmp', mountPath: '/tmp' },
          { name: 'config', mountPath: '/etc/litellm', readOnly: true },
          ...caMounts(settings),
        ],
        ...rest,
      }),
    ],
  })
}

/** The Deployment of LiteLLM's proxy. @throws KitError exit 2, see modelsOf */
export function proxy(settings: LlmSettings, images: Images): Deployment {
  const labels = selector('litellm', 'proxy')
  const one = deployment({
    namespace: names.namespace(settings.ENV),
    name: 'litellm',
    labels,
    pod: podOf(settings, images, labels, {
      name: 'litellm',
      args: withConfig(),
      // Only the Job migrates: two processes that migrate at once leave a migration half done.
      more: [{ name: 'DISABLE_SCHEMA_UPDATE', value: 'true' }],
      rest: {
        ports: [{ name: 'http', containerPort: proxyPort }],
        resources: resources('500m', '1Gi', '2', '2Gi', '3Gi'),
        // A pod whose first connection to PostgreSQL failed never tries again: this probe restarts it after 5 minutes.
        startupProbe: {
          exec: { command: askConnected(proxyPort) },
          periodSeconds: 3,
          timeoutSeconds: 10,
          failureThreshold: 100,
        },
        livenessProbe: probe('/health/liveliness', proxyPort, 20, 6),
        readinessProbe: probe('/health/readiness', proxyPort, 5, 3),
        lifecycle: { preStop: { sleep: { seconds: lingerSeconds } } },
      },
    }),
    restartOn: [...Object.values({ ...secrets(settings), ...casOf(settings) }), ...keysRead(settings)].map(
      (secret) => secret?.reveal(),
    ),
  })
  return delivered(deliveryTo(settings), one)
}
