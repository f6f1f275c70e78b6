import { backendEndpoints, vaultFlows } from '../../lib/backends/endpoints.mts'
import { endpoint, everyPod, type Flow } from '../../lib/kube/manifests/policies.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { backends } from './backends.mts'
import { port } from './environment.mts'
import type { ChatwootSettings } from './settings.mts'

/** The TCP connections of the pods. Rails and Sidekiq communicate through Redis; the Jobs connect to what these do. */
export const flows = (settings: ChatwootSettings): Flow[] => [
  { from: 'nodes', to: { pods: selector('chatwoot', 'web') }, port },
  { from: everyPod, to: backendEndpoints(backends(settings), settings) },
  ...vaultFlows(settings),
  { from: everyPod, to: endpoint(settings.SMTP_HOST, settings.SMTP_PORT) },
  // Webhooks, and the channels: mailboxes, WhatsApp, Facebook and others.
  { from: everyPod, to: 'internet' },
]
