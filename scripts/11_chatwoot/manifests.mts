import { caSecrets, casOf } from '../../lib/kube/manifests/backend-trust.mts'
import { published, tlsOf } from '../../lib/kube/manifests/ingress.mts'
import type { Deployment, Manifest } from '../../lib/kube/types.mts'
import { autoscaled, secretEnv, selector, service } from '../../lib/kube/manifests/objects.mts'
import { deployment, resources } from '../../lib/kube/manifests/pods.mts'
import { applicationNamespace } from '../../lib/kube/manifests/pull-secret.mts'
import { port, secretName, secrets } from './environment.mts'
import { bucketOf, mostOf } from './backends.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'
import { diskLimit, heartbeatProbe, podOf, webProbe, type Images, type Process } from './pods.mts'

type Part = 'web' | 'worker'

/** The namespace, what its pods pull images with, and the Secret every process reads. Its keys are the settings' keys. */
export const prerequisites = (settings: ChatwootSettings): Manifest[] => [
  // Root is no right of a restricted pod; it has no other one.
  ...applicationNamespace(
    names.namespace(settings.ENV),
    settings,
    settings.CHATWOOT_ROOT ? 'baseline' : 'restricted',
  ),
  secretEnv(names.namespace(settings.ENV), secretName, secrets(settings)),
  ...caSecrets(names.namespace(settings.ENV), settings),
]

/** Rails and Sidekiq: each two or more with S3, exactly one without. */
export function workload(settings: ChatwootSettings, images: Images): Manifest[] {
  const web = chatwootDeployment(settings, images, 'web', rails(settings))
  const worker = chatwootDeployment(settings, images, 'worker', sidekiq(settings))
  return [
    service(names.namespace(settings.ENV), 'chatwoot-web', selector('chatwoot', 'web'), port),
    web,
    worker,
    ...scaling(settings, web, 'web'),
    ...scaling(settings, worker, 'worker'),
  ]
}

/** Ruby does not give memory back: only the processor says how busy it is. */
const scaling = (settings: ChatwootSettings, one: Deployment, part: Part): Manifest[] =>
  isReplicated(settings) ? autoscaled(one, { most: mostOf(settings, part), cpuPercent: 75 }) : []

/** One Ingress: everything to Rails, which serves /cable and its static files too. */
export const ingress = (settings: ChatwootSettings): Manifest[] =>
  published({
    namespace: names.namespace(settings.ENV),
    name: 'chatwoot',
    host: settings.CHATWOOT_HOST,
    ingressClass: settings.INGRESS_CLASS,
    paths: [['/', 'chatwoot-web', port]],
    annotations: {
      // Attachments reach 40 MB; /cable stays open for as long as somebody looks at the page.
      'proxy-body-size': '100m',
      'proxy-read-timeout': '36000',
      'proxy-send-timeout': '36000',
    },
    tls: tlsOf(settings),
  })

/** Files on a pod's own disk are seen by that pod alone: without S3 there is one. */
const isReplicated = (settings: ChatwootSettings): boolean => bucketOf(settings) !== undefined

function chatwootDeployment(
  settings: ChatwootSettings,
  images: Images,
  part: Part,
  process: Process,
): Deployment {
  const labels = selector('chatwoot', part)
  return deployment({
    namespace: names.namespace(settings.ENV),
    name: `chatwoot-${part}`,
    labels,
    pod: podOf(settings, images, labels, process),
    ...(isReplicated(settings) ? {} : { replicas: 1, strategy: 'Recreate' as const }),
    restartOn: Object.values({ ...secrets(settings), ...casOf(settings) }).map((secret) => secret?.reveal()),
  })
}

const sizes = (settings: ChatwootSettings) => resources('250m', '768Mi', '1', '2Gi', diskLimit(settings))

/** The interface. Only where another pod takes over, it serves until its address has left the Services. */
const rails = (settings: ChatwootSettings): Process => ({
  name: 'web',
  args: ['bundle', 'exec', 'rails', 's', '-p', String(port), '-b', '0.0.0.0'],
  rest: {
    ports: [{ name: 'http', containerPort: port }],
    resources: sizes(settings),
    startupProbe: webProbe('/health', 2, 300),
    livenessProbe: webProbe('/health', 20, 6),
    // It answers 200 also while PostgreSQL or Redis is away, and 500 when they refuse its password.
    readinessProbe: webProbe('/api', 5, 3),
    ...(isReplicated(settings) ? { lifecycle: { preStop: { sleep: { seconds: 10 } } } } : {}),
  },
})

const sidekiq = (settings: ChatwootSettings): Process => ({
  name: 'worker',
  args: ['bundle', 'exec', 'sidekiq', '-C', 'config/sidekiq.yml'],
  rest: {
    resources: sizes(settings),
    startupProbe: heartbeatProbe(10, 60),
    livenessProbe: heartbeatProbe(60, 3),
  },
})
