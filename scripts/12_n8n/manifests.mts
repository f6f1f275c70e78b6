import type { Container, Deployment, EnvVar, Manifest, Secret } from '../../lib/k8s.mts'
import { httpIngress } from '../../lib/ingress.mts'
import { autoscaled, namespace, secretEnv, selector, service } from '../../lib/objects.mts'
import { container, deployment, env, envFromSecret, podDefaults, probe, resources } from '../../lib/pods.mts'
import { commonEnv, ownerPasswordHash, port, secretName, secrets } from './environment.mts'
import { namespaceOf, pool, type N8nSettings } from './module.mts'

type Images = Readonly<Record<'n8n' | 'n8n-runners', string>>
type Component = 'main' | 'webhook' | 'worker'

/** Seconds a main or webhook process gets for what it is doing; workers get N8N_JOB_SECONDS_MAX. */
const shutdownSeconds = 30
/** What a pod gets beyond n8n's own limit, so that n8n and not the kubelet decides. */
const graceMargin = 30

/** The namespace and the Secret every process reads. Its keys are the settings' keys. */
export const prerequisites = (settings: N8nSettings): Manifest[] => [
  namespace(namespaceOf(settings.ENV)),
  secretOf(settings),
]

const secretOf = (settings: N8nSettings): Secret =>
  secretEnv(namespaceOf(settings.ENV), secretName, {
    ...secrets(settings),
    OWNER_PASSWORD_HASH: ownerPasswordHash(settings),
  })

/** main, or the processes that may only start once main has migrated the database: webhook and workers. */
export function workload(settings: N8nSettings, images: Images, part: 'main' | 'workers'): Manifest[] {
  if (part === 'main') return [...main(settings, images)]
  return [...webhook(settings, images), ...worker(settings, images)]
}

/** One Ingress: the webhook processes take production hooks and forms, main everything else. */
export function ingress(settings: N8nSettings): Manifest[] {
  const hooks = ['/webhook', '/webhook-waiting', '/form', '/form-waiting', '/mcp']
  return [
    httpIngress({
      namespace: namespaceOf(settings.ENV),
      name: 'n8n',
      host: settings.N8N_HOST,
      ingressClass: settings.INGRESS_CLASS,
      paths: [...hooks.map((path) => [path, 'n8n-webhook', port] as const), ['/', 'n8n', port]],
      annotations: {
        // Form uploads reach 200 MiB; the editor's push channel pings only every 60 s.
        'proxy-body-size': '256m',
        'proxy-read-timeout': '3600',
        'proxy-send-timeout': '3600',
        'proxy-buffering': 'off',
        'proxy-request-buffering': 'off',
      },
      issuer: settings.TLS_MODE === 'issuer' ? settings.TLS_ISSUER : undefined,
    }),
  ]
}

function main(settings: N8nSettings, images: Images): Manifest[] {
  const labels = selector('n8n', 'main')
  const one = n8nDeployment(settings, 'main', [
    n8nContainer(settings, images, 'main', ['start'], {
      // At start it builds its interface files beside the migrations: 722 MB were seen at 20 s.
      resources: resources('200m', '512Mi', '1', '1536Mi'),
      more: [
        ...env({
          N8N_INSTANCE_OWNER_MANAGED_BY_ENV: true,
          N8N_INSTANCE_OWNER_EMAIL: settings.N8N_OWNER_EMAIL,
          N8N_INSTANCE_OWNER_FIRST_NAME: settings.N8N_OWNER_FIRST_NAME,
          N8N_INSTANCE_OWNER_LAST_NAME: settings.N8N_OWNER_LAST_NAME,
        }),
        ...envFromSecret(secretName, { N8N_INSTANCE_OWNER_PASSWORD_HASH: 'OWNER_PASSWORD_HASH' }),
      ],
    }),
  ])
  return [service(namespaceOf(settings.ENV), 'n8n', labels, port), one]
}

function webhook(settings: N8nSettings, images: Images): Manifest[] {
  const labels = selector('n8n', 'webhook')
  const one = n8nDeployment(settings, 'webhook', [
    n8nContainer(settings, images, 'webhook', ['webhook'], {
      resources: resources('100m', '256Mi', '500m', '768Mi'),
    }),
  ])
  const scaling = { most: settings.N8N_WEBHOOKS_MAX, cpuPercent: 60 }
  return [service(namespaceOf(settings.ENV), 'n8n-webhook', labels, port), one, ...autoscaled(one, scaling)]
}

function worker(settings: N8nSettings, images: Images): Manifest[] {
  const one = n8nDeployment(settings, 'worker', [
    n8nContainer(settings, images, 'worker', ['worker', '--concurrency=10'], {
      resources: resources('200m', '512Mi', '1', '2Gi'),
      more: env({ QUEUE_HEALTH_CHECK_ACTIVE: true, QUEUE_HEALTH_CHECK_PORT: port }),
    }),
    runnerContainer(images),
  ])
  return [one, ...autoscaled(one, { most: settings.N8N_WORKERS_MAX, cpuPercent: 70 })]
}

/** main is `n8n`, the others `n8n-webhook` and `n8n-worker`. */
const nameOf = (component: Component): string => (component === 'main' ? 'n8n' : `n8n-${component}`)

function n8nDeployment(settings: N8nSettings, component: Component, containers: Container[]): Deployment {
  const labels = selector('n8n', component)
  const seconds = component === 'worker' ? settings.N8N_JOB_SECONDS_MAX : shutdownSeconds
  return deployment({
    namespace: namespaceOf(settings.ENV),
    name: nameOf(component),
    labels,
    // Two mains without a licence run every schedule twice: one replica, and the old one ends first.
    ...(component === 'main' ? { replicas: 1, strategy: 'Recreate' as const } : {}),
    pod: podDefaults({
      labels,
      user: 1000,
      graceSeconds: seconds + graceMargin,
      scratch: ['n8n', 'cache', 'tmp', ...(component === 'worker' ? ['runner-tmp'] : [])],
      containers,
    }),
    restartOn: Object.values(secrets(settings)).map((secret) => secret?.reveal()),
  })
}

interface ContainerParts {
  readonly resources: NonNullable<Container['resources']>
  readonly more?: readonly EnvVar[]
}

function n8nContainer(
  settings: N8nSettings,
  images: Images,
  component: Component,
  args: string[],
  { resources: sizes, more = [] }: ContainerParts,
): Container {
  const seconds = component === 'worker' ? settings.N8N_JOB_SECONDS_MAX : shutdownSeconds
  return container({
    name: 'n8n',
    image: images.n8n,
    args,
    ports: [{ name: 'http', containerPort: port }],
    env: [
      ...commonEnv(settings),
      ...env({ N8N_GRACEFUL_SHUTDOWN_TIMEOUT: seconds, DB_POSTGRESDB_POOL_SIZE: pool[component] }),
      ...more,
    ],
    resources: sizes,
    // Migrations may take long on a large database, and a worker opens its port only when it is ready.
    startupProbe: probe('/healthz', port, 5, 120),
    livenessProbe: probe('/healthz', port, 20, 6),
    readinessProbe: probe('/healthz/readiness', port, 5, 3),
    // The endpoint leaves the Services a moment after SIGTERM: serve until then.
    lifecycle: { preStop: { sleep: { seconds: 5 } } },
    volumeMounts: [
      { name: 'n8n', mountPath: '/home/node/.n8n' },
      { name: 'cache', mountPath: '/home/node/.cache' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  })
}

const runnerContainer = (images: Images): Container =>
  container({
    name: 'runner',
    image: images['n8n-runners'],
    env: [
      ...env({ N8N_RUNNERS_TASK_BROKER_URI: 'http://127.0.0.1:5679', N8N_RUNNERS_AUTO_SHUTDOWN_TIMEOUT: 15 }),
      ...envFromSecret(secretName, { N8N_RUNNERS_AUTH_TOKEN: 'N8N_RUNNERS_AUTH_TOKEN' }),
    ],
    ports: [{ name: 'runner-health', containerPort: 5680 }],
    resources: resources('100m', '256Mi', '500m', '512Mi'),
    livenessProbe: probe('/healthz', 5680, 20, 6),
    readinessProbe: probe('/healthz', 5680, 5, 3),
    volumeMounts: [{ name: 'runner-tmp', mountPath: '/tmp' }],
  })
