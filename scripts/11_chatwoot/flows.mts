import { backendEndpoints } from '../../lib/backends/endpoints.mts'
import { endpoint, everyPod, type Flow } from '../../lib/kube/manifests/policies.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { backends } from './backends.mts'
import { port } from './environment.mts'
import type { ChatwootSettings } from './settings.mts'

/** Who talks to whom. Rails and Sidekiq meet in Redis; the Jobs need what they need. */
export const flows = (settings: ChatwootSettings): Flow[] => [
  { from: 'nodes', to: { pods: selector('chatwoot', 'web') }, port },
  { from: everyPod, to: backendEndpoints(backends(settings), settings) },
  { from: everyPod, to: endpoint(settings.SMTP_HOST, settings.SMTP_PORT) },
  // Webhooks, and the channels: mailboxes, WhatsApp, Facebook and others.
  { from: everyPod, to: 'internet' },
]
