import { caSecrets } from '../../lib/kube/manifests/backend-trust.mts'
import { published, tlsOf } from '../../lib/kube/manifests/ingress.mts'
import { deliveryEnv, deliveryNamespace, deliverySecret } from '../../lib/kube/manifests/delivery.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { autoscaled, selector, service } from '../../lib/kube/manifests/objects.mts'
import { env, resources } from '../../lib/kube/manifests/pods.mts'
import { deliveryTo, kept, port, secretName } from './environment.mts'
import { names } from './names.mts'
import type { N8nSettings } from './settings.mts'
import { n8nContainer, n8nDeployment, runnerContainer, type Images } from './pods.mts'

/**
 * The namespace with its pull Secret, the Secret that every process reads unless they read files of Vault, and that of the
 * backends' CAs.
 */
export const prerequisites = (settings: N8nSettings): Manifest[] => [
  ...deliveryNamespace(deliveryTo(settings), settings),
  ...deliverySecret(deliveryTo(settings), secretName, kept(settings)),
  ...caSecrets(names.namespace(settings.ENV), settings),
]

/** main, or the processes that must not start before main has migrated the database: webhook, mcp and workers. */
export function workload(settings: N8nSettings, images: Images, part: 'main' | 'workers'): Manifest[] {
  if (part === 'main') return [...main(settings, images)]
  return [...webhook(settings, images), ...mcp(settings, images), ...worker(settings, images)]
}

/** One Ingress: production webhooks and forms go to the webhook processes, MCP to n8n-mcp, everything else to main. */
export function ingress(settings: N8nSettings): Manifest[] {
  const hooks = ['/webhook', '/webhook-waiting', '/form', '/form-waiting']
  return published({
    namespace: names.namespace(settings.ENV),
    name: 'n8n',
    host: settings.N8N_HOST,
    ingressClass: settings.INGRESS_CLASS,
    paths: [
      ...hooks.map((path) => [path, 'n8n-webhook', port] as const),
      [mcpPath, 'n8n-mcp', port],
      ['/', 'n8n', port],
    ],
    annotations: {
      // Form uploads reach 200 MiB; the editor's push channel pings only every 60 s.
      'proxy-body-size': '256m',
      'proxy-read-timeout': '3600',
      'proxy-send-timeout': '3600',
      'proxy-buffering': 'off',
      'proxy-request-buffering': 'off',
    },
    tls: tlsOf(settings),
  })
}

/** The path above all production triggers of MCP: `/mcp/PATH`, `/mcp/PATH/sse`, `/mcp/PATH/messages`. */
export const mcpPath = '/mcp'

/** The ephemeral-storage limit of a container: its three folders and its log. Data of workflows is in the database. */
const diskLimit = '5Gi'

function main(settings: N8nSettings, images: Images): Manifest[] {
  const labels = selector('n8n', 'main')
  const one = n8nDeployment(settings, 'main', [
    n8nContainer(settings, images, 'main', ['start'], {
      // At its start it builds interface files while it migrates: 722 MB of memory were seen after 20 s.
      resources: resources('200m', '512Mi', '1', '1536Mi', diskLimit),
      more: [
        ...env({
          N8N_INSTANCE_OWNER_MANAGED_BY_ENV: true,
          N8N_INSTANCE_OWNER_EMAIL: settings.N8N_OWNER_EMAIL,
          N8N_INSTANCE_OWNER_FIRST_NAME: settings.N8N_OWNER_FIRST_NAME,
          N8N_INSTANCE_OWNER_LAST_NAME: settings.N8N_OWNER_LAST_NAME,
        }),
        ...deliveryEnv(deliveryTo(settings), secretName, {
          N8N_INSTANCE_OWNER_PASSWORD_HASH: 'OWNER_PASSWORD_HASH',
        }),
      ],
    }),
  ])
  return [service(names.namespace(settings.ENV), 'n8n', labels, port), one]
}

function webhook(settings: N8nSettings, images: Images): Manifest[] {
  const labels = selector('n8n', 'webhook')
  const one = n8nDeployment(settings, 'webhook', [
    n8nContainer(settings, images, 'webhook', ['webhook'], {
      resources: resources('100m', '256Mi', '500m', '768Mi', diskLimit),
    }),
  ])
  const scaling = { most: settings.N8N_WEBHOOKS_MAX, cpuPercent: 60 }
  return [
    service(names.namespace(settings.ENV), 'n8n-webhook', labels, port),
    one,
    ...autoscaled(one, scaling),
  ]
}

/**
 * A webhook process for MCP alone. The stream of a session stays in the process that opened it: another process answers
 * its messages with 401 or 404. Clients of MCP keep no cookies, so session affinity at the ingress is not possible.
 */
function mcp(settings: N8nSettings, images: Images): Manifest[] {
  const labels = selector('n8n', 'mcp')
  const one = n8nDeployment(settings, 'mcp', [
    n8nContainer(settings, images, 'mcp', ['webhook'], {
      resources: resources('50m', '256Mi', '500m', '768Mi', diskLimit),
    }),
  ])
  return [service(names.namespace(settings.ENV), 'n8n-mcp', labels, port), one]
}

function worker(settings: N8nSettings, images: Images): Manifest[] {
  const process = n8nContainer(settings, images, 'worker', ['worker', '--concurrency=10'], {
    resources: resources('200m', '512Mi', '1', '2Gi', diskLimit),
    more: env({ QUEUE_HEALTH_CHECK_ACTIVE: true, QUEUE_HEALTH_CHECK_PORT: port }),
  })
  // A worker that terminates still finishes its jobs, Code nodes among them: its runner must end after it.
  const one = n8nDeployment(settings, 'worker', [process], [runnerContainer(settings, images)])
  return [one, ...autoscaled(one, { most: settings.N8N_WORKERS_MAX, cpuPercent: 70 })]
}
