import type { Container, Deployment, EnvVar } from '../../lib/kube/types.mts'
import { caMounts, casOf, caVolumes } from '../../lib/kube/manifests/backend-trust.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import {
  container,
  deployment,
  env,
  envFromSecret,
  podDefaults,
  probe,
  resources,
} from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import { commonEnv, port, secretName, secrets } from './environment.mts'
import { names } from './names.mts'
import { pool } from './backends.mts'
import type { N8nSettings } from './settings.mts'

/** Image references by their name in versions.json. */
export type Images = Readonly<Record<'n8n' | 'n8n-runners', string>>
type Component = 'main' | 'mcp' | 'webhook' | 'worker'

/** Seconds a main or webhook process gets for what it is doing; workers get N8N_JOB_SECONDS_MAX. */
const shutdownSeconds = 30
/** What a pod gets beyond n8n's own limit, so that n8n and not the kubelet decides. */
const graceMargin = 30

/** main is `n8n`, the others `n8n-mcp`, `n8n-webhook` and `n8n-worker`. */
const nameOf = (component: Component): string => (component === 'main' ? 'n8n' : `n8n-${component}`)

/**
 * One replica, and the old one ends first. Two mains without a licence run every schedule twice; what opens a session of
 * MCP must reach the process that keeps it.
 */
const alone: readonly Component[] = ['main', 'mcp']

/** One of the four processes of n8n as a Deployment. */
export function n8nDeployment(
  settings: N8nSettings,
  component: Component,
  containers: Container[],
  sidecars: Container[] = [],
): Deployment {
  const labels = selector('n8n', component)
  const seconds = component === 'worker' ? settings.N8N_JOB_SECONDS_MAX : shutdownSeconds
  return deployment({
    namespace: names.namespace(settings.ENV),
    name: nameOf(component),
    labels,
    ...(alone.includes(component) ? { replicas: 1, strategy: 'Recreate' as const } : {}),
    pod: podDefaults({
      labels,
      user: 1000,
      graceSeconds: seconds + graceMargin,
      pullSecret: pullSecretName(settings),
      scratch: {
        n8n: '1Gi',
        cache: '1Gi',
        tmp: '2Gi',
        ...(component === 'worker' && { 'runner-tmp': '1Gi' }),
      },
      volumes: caVolumes(settings),
      containers,
      sidecars,
    }),
    restartOn: Object.values({ ...secrets(settings), ...casOf(settings) }).map((secret) => secret?.reveal()),
  })
}

/**
 * The address leaves the Services a moment after SIGTERM: serve until then. Workers have no address, and nobody takes
 * over from main: while it lingered, its visitors would only wait longer for the next one.
 */
const lingers = { lifecycle: { preStop: { sleep: { seconds: 5 } } } }

interface ContainerParts {
  readonly resources: NonNullable<Container['resources']>
  readonly more?: readonly EnvVar[]
}

/** The container of n8n itself, as each process runs it. */
export function n8nContainer(
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
    startupProbe: probe('/healthz', port, 2, 300),
    livenessProbe: probe('/healthz', port, 20, 6),
    readinessProbe: probe('/healthz/readiness', port, 5, 3),
    ...(component === 'webhook' ? lingers : {}),
    volumeMounts: [
      { name: 'n8n', mountPath: '/home/node/.n8n' },
      { name: 'cache', mountPath: '/home/node/.cache' },
      { name: 'tmp', mountPath: '/tmp' },
      ...caMounts(settings),
    ],
  })
}

/** The task runner: Code nodes run in it. */
export const runnerContainer = (images: Images): Container =>
  container({
    name: 'runner',
    image: images['n8n-runners'],
    env: [
      ...env({ N8N_RUNNERS_TASK_BROKER_URI: 'http://127.0.0.1:5679', N8N_RUNNERS_AUTO_SHUTDOWN_TIMEOUT: 15 }),
      ...envFromSecret(secretName, { N8N_RUNNERS_AUTH_TOKEN: 'N8N_RUNNERS_AUTH_TOKEN' }),
    ],
    ports: [{ name: 'runner-health', containerPort: 5680 }],
    resources: resources('100m', '256Mi', '500m', '512Mi', '2Gi'),
    livenessProbe: probe('/healthz', 5680, 20, 6),
    readinessProbe: probe('/healthz', 5680, 5, 3),
    volumeMounts: [{ name: 'runner-tmp', mountPath: '/tmp' }],
  })
