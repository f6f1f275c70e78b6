import type { Container, Deployment, EnvVar } from '../../lib/kube/types.mts'
import { caMounts, casOf, caVolumes } from '../../lib/kube/manifests/backend-trust.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { delivered, deliveryEnv } from '../../lib/kube/manifests/delivery.mts'
import { container, deployment, env, podDefaults, probe, resources } from '../../lib/kube/manifests/pods.mts'
import { pullSecretName } from '../../lib/kube/manifests/pull-secret.mts'
import { commonEnv, deliveryTo, port, secretName, secrets } from './environment.mts'
import { names } from './names.mts'
import { pool } from './backends.mts'
import type { N8nSettings } from './settings.mts'

/** Image references by their name in versions.json. */
export type Images = Readonly<Record<'n8n' | 'n8n-runners', string>>
type Component = 'main' | 'mcp' | 'webhook' | 'worker'

/** Seconds in which a main or webhook process that terminates finishes its work; N8N_JOB_SECONDS_MAX for a worker. */
const shutdownSeconds = 30
/** Seconds by which a pod's grace period exceeds n8n's own limit: n8n ends before the kubelet kills it. */
const graceMargin = 30

/** The Deployment's name: `n8n` for main, else `n8n-mcp`, `n8n-webhook` or `n8n-worker`. */
const nameOf = (component: Component): string => (component === 'main' ? 'n8n' : `n8n-${component}`)

/**
 * Components with one replica and the strategy Recreate. Two mains without a licence run every schedule twice; the
 * requests of an MCP session must reach the process that has it.
 */
const alone: readonly Component[] = ['main', 'mcp']

/** The Deployment of one of n8n's four components. @param sidecars containers that end after `containers` */
export function n8nDeployment(
  settings: N8nSettings,
  component: Component,
  containers: Container[],
  sidecars: Container[] = [],
): Deployment {
  const labels = selector('n8n', component)
  const seconds = component === 'worker' ? settings.N8N_JOB_SECONDS_MAX : shutdownSeconds
  const one = deployment({
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
  return delivered(deliveryTo(settings), one, [runnersToken])
}

/**
 * A pod that is deleted still receives requests until its address has left the Services. Workers have no Service, and
 * there is no second main: a delay of its end would only delay the start of the next one.
 */
const lingers = { lifecycle: { preStop: { sleep: { seconds: 5 } } } }

interface ContainerParts {
  readonly resources: NonNullable<Container['resources']>
  readonly more?: readonly EnvVar[]
}

/** The container of n8n itself. @param args the subcommand of its component: `['webhook']` */
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

/** The only value that the task runner reads. */
const runnersToken = 'N8N_RUNNERS_AUTH_TOKEN'

/**
 * uid of the task runner where values are files: init containers get the whole folder, and it runs code of workflows. As
 * another user than n8n it reads no file but its own, by the pod's fsGroup.
 */
const runnerUser = 1001

/** The container of the task runner, in which Code nodes run. */
export function runnerContainer(settings: N8nSettings, images: Images): Container {
  const delivery = deliveryTo(settings)
  const one = container({
    name: 'runner',
    image: images['n8n-runners'],
    env: [
      ...env({ N8N_RUNNERS_TASK_BROKER_URI: 'http://127.0.0.1:5679', N8N_RUNNERS_AUTO_SHUTDOWN_TIMEOUT: 15 }),
      ...deliveryEnv(delivery, secretName, { [runnersToken]: runnersToken }),
    ],
    ports: [{ name: 'runner-health', containerPort: 5680 }],
    resources: resources('100m', '256Mi', '500m', '512Mi', '2Gi'),
    livenessProbe: probe('/healthz', 5680, 20, 6),
    readinessProbe: probe('/healthz', 5680, 5, 3),
    volumeMounts: [{ name: 'runner-tmp', mountPath: '/tmp' }],
  })
  if (delivery.place === undefined) return one
  return {
    ...one,
    securityContext: { ...one.securityContext, runAsUser: runnerUser, runAsGroup: runnerUser },
  }
}
