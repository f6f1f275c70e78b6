import { caSecrets, casOf } from '../../lib/kube/manifests/backend-trust.mts'
import { published, tlsOf } from '../../lib/kube/manifests/ingress.mts'
import type { Deployment, Manifest } from '../../lib/kube/types.mts'
import { delivered, deliveryNamespace, deliverySecret } from '../../lib/kube/manifests/delivery.mts'
import { autoscaled, selector, service } from '../../lib/kube/manifests/objects.mts'
import { deployment, resources } from '../../lib/kube/manifests/pods.mts'
import { deliveryTo, port, secretName, secrets } from './environment.mts'
import { bucketOf, mostOf } from './backends.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'
import { diskLimit, heartbeatProbe, podOf, webProbe, type Images, type Process } from './pods.mts'

type Part = 'web' | 'worker'

/**
 * The namespace with its pull Secret, the Secret that every process reads unless they read files of Vault, and that of the
 * backends' CAs.
 */
export const prerequisites = (settings: ChatwootSettings): Manifest[] => [
  // Pod Security `restricted` does not allow root; the pod has no other privilege.
  ...deliveryNamespace(deliveryTo(settings), settings, settings.CHATWOOT_ROOT ? 'baseline' : 'restricted'),
  ...deliverySecret(deliveryTo(settings), secretName, secrets(settings)),
  ...caSecrets(names.namespace(settings.ENV), settings),
]

/** Rails and Sidekiq: two pods or more of each with S3, exactly one of each without. */
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

/** Autoscaling by CPU alone: Ruby does not release memory, so memory does not show the load. */
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
      // Attachments may have 40 MB; a connection to /cable stays open as long as the page.
      'proxy-body-size': '100m',
      'proxy-read-timeout': '36000',
      'proxy-send-timeout': '36000',
    },
    tls: tlsOf(settings),
  })

/** True with S3. Without it there is one pod: no other one could read the files on its disk. */
const isReplicated = (settings: ChatwootSettings): boolean => bucketOf(settings) !== undefined

function chatwootDeployment(
  settings: ChatwootSettings,
  images: Images,
  part: Part,
  process: Process,
): Deployment {
  const labels = selector('chatwoot', part)
  const one = deployment({
    namespace: names.namespace(settings.ENV),
    name: `chatwoot-${part}`,
    labels,
    pod: podOf(settings, images, labels, process),
    ...(isReplicated(settings) ? {} : { replicas: 1, strategy: 'Recreate' as const }),
    restartOn: Object.values({ ...secrets(settings), ...casOf(settings) }).map((secret) => secret?.reveal()),
  })
  return delivered(deliveryTo(settings), one)
}

const sizes = (settings: ChatwootSettings) => resources('250m', '768Mi', '1', '2Gi', diskLimit(settings))

/** The web process. If there are other pods, one that is deleted serves until its address has left the Services. */
const rails = (settings: ChatwootSettings): Process => ({
  name: 'web',
  args: ['bundle', 'exec', 'rails', 's', '-p', String(port), '-b', '0.0.0.0'],
  rest: {
    ports: [{ name: 'http', containerPort: port }],
    resources: sizes(settings),
    startupProbe: webProbe('/health', 2, 300),
    livenessProbe: webProbe('/health', 20, 6),
    // /api answers 200 also while PostgreSQL or Redis is down, and 500 when they refuse its password.
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
