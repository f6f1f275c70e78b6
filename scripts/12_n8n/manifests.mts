import { createHmac } from 'node:crypto'
import { encodeBase64, hashSync } from 'bcryptjs'
import type { Container, Deployment, EnvVar, Manifest, Secret } from '../../lib/k8s.mts'
import { autoscaled, httpIngress, namespace, secretEnv, selector, service } from '../../lib/objects.mts'
import { container, deployment, env, envFromSecret, podDefaults, probe, resources } from '../../lib/pods.mts'
import { sensitive, type Sensitive } from '../../lib/sensitive.mts'
import { databaseNameOf, namespaceOf, pool, type N8nSettings } from './module.mts'

type Images = Readonly<Record<'n8n' | 'n8n-runners', string>>
type Component = 'main' | 'webhook' | 'worker'

const secretName = 'n8n'
const port = 5678

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

const secrets = (settings: N8nSettings) => ({
  N8N_ENCRYPTION_KEY: settings.N8N_ENCRYPTION_KEY,
  N8N_OWNER_PASSWORD: settings.N8N_OWNER_PASSWORD,
  N8N_POSTGRES_PASSWORD: settings.N8N_POSTGRES_PASSWORD,
  N8N_RUNNERS_AUTH_TOKEN: settings.N8N_RUNNERS_AUTH_TOKEN,
  REDIS_PASSWORD: settings.REDIS_PASSWORD,
  SMTP_PASSWORD: settings.SMTP_PASSWORD,
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
      ...common(settings),
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

/** What every process gets. The same queue, database and key for all, or jobs stay queued. */
function common(settings: N8nSettings): EnvVar[] {
  const url = `https://${settings.N8N_HOST}/`
  const database = databaseNameOf(settings.ENV)
  const prefix = `n8n-${settings.ENV}`
  return [
    ...env({
      N8N_HOST: settings.N8N_HOST,
      N8N_PORT: port,
      N8N_PROTOCOL: 'http',
      N8N_EDITOR_BASE_URL: url,
      N8N_WEBHOOK_URL: url,
      N8N_PROXY_HOPS: settings.PROXY_HOPS,
      GENERIC_TIMEZONE: settings.TIMEZONE,
      TZ: settings.TIMEZONE,

      DB_TYPE: 'postgresdb',
      DB_POSTGRESDB_HOST: settings.POSTGRES_HOST,
      DB_POSTGRESDB_PORT: settings.POSTGRES_PORT,
      DB_POSTGRESDB_DATABASE: database,
      DB_POSTGRESDB_USER: database,
      // HAProxy cuts a connection that was quiet for 30 s.
      DB_POSTGRESDB_IDLE_CONNECTION_TIMEOUT: 20_000,

      EXECUTIONS_MODE: 'queue',
      OFFLOAD_MANUAL_EXECUTIONS_TO_WORKERS: true,
      N8N_DISABLE_PRODUCTION_MAIN_PROCESS: true,
      QUEUE_BULL_REDIS_HOST: settings.REDIS_HOST,
      QUEUE_BULL_REDIS_PORT: settings.REDIS_PORT,
      QUEUE_BULL_REDIS_DB: settings.N8N_REDIS_DB,
      QUEUE_BULL_REDIS_KEEP_ALIVE: true,
      // n8n exits when Redis is away for longer: a failover takes up to 30 s.
      QUEUE_BULL_REDIS_TIMEOUT_THRESHOLD: 60_000,
      QUEUE_BULL_PREFIX: prefix,
      N8N_REDIS_KEY_PREFIX: prefix,

      N8N_RUNNERS_MODE: 'external',
      N8N_DEFAULT_BINARY_DATA_MODE: 'database',
      EXECUTIONS_DATA_PRUNE: true,
      EXECUTIONS_DATA_MAX_AGE: 336,

      N8N_EMAIL_MODE: settings.SMTP_HOST === undefined ? undefined : 'smtp',
      N8N_SMTP_HOST: settings.SMTP_HOST,
      N8N_SMTP_PORT: settings.SMTP_PORT,
      N8N_SMTP_SENDER: settings.SMTP_FROM,
      N8N_SMTP_USER: settings.SMTP_USER,
      N8N_SMTP_SSL: settings.SMTP_HOST === undefined ? undefined : settings.SMTP_PORT === 465,

      N8N_DIAGNOSTICS_ENABLED: false,
      N8N_VERSION_NOTIFICATIONS_ENABLED: false,
      N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED: false,
      N8N_DYNAMIC_BANNERS_ENABLED: false,
      N8N_TEMPLATES_ENABLED: false,
      N8N_PERSONALIZATION_ENABLED: false,
      N8N_HIRING_BANNER_ENABLED: false,
    }),
    ...envFromSecret(secretName, {
      N8N_ENCRYPTION_KEY: 'N8N_ENCRYPTION_KEY',
      N8N_RUNNERS_AUTH_TOKEN: 'N8N_RUNNERS_AUTH_TOKEN',
      DB_POSTGRESDB_PASSWORD: 'N8N_POSTGRES_PASSWORD',
      QUEUE_BULL_REDIS_PASSWORD: 'REDIS_PASSWORD',
      ...(settings.SMTP_PASSWORD === undefined ? {} : { N8N_SMTP_PASS: 'SMTP_PASSWORD' }),
    }),
  ]
}

/**
 * The owner's password as n8n wants it. The salt is derived, not drawn: the same password gives the same hash at
 * every run, and an unchanged Secret is an unchanged Secret. Only its uniqueness matters, which the key gives.
 */
function ownerPasswordHash(settings: N8nSettings): Sensitive {
  const { N8N_ENCRYPTION_KEY: key, N8N_OWNER_PASSWORD: password, N8N_OWNER_EMAIL: email } = settings
  const bytes = createHmac('sha256', key.reveal()).update(`owner ${email} ${password.reveal()}`).digest()
  return sensitive(hashSync(password.reveal(), `$2b$10$${encodeBase64(bytes, 16)}`))
}
