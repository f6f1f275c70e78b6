import { backendEndpoints } from '../../lib/backends/endpoints.mts'
import { endpoint, everyPod, type Flow } from '../../lib/kube/manifests/policies.mts'
import { backends } from './backends.mts'
import { port } from './environment.mts'
import type { N8nSettings } from './settings.mts'

/** Who talks to whom. Processes meet in Redis and PostgreSQL; a runner and its worker share a pod. */
export const flows = (settings: N8nSettings): Flow[] => [
  // The ingress, and the checks: they ask each process by the API server whether it is ready.
  { from: 'nodes', to: everyPod, port },
  { from: everyPod, to: backendEndpoints(backends(settings), settings) },
  { from: everyPod, to: endpoint(settings.SMTP_HOST, settings.SMTP_PORT) },
  // Nodes of workflows reach whatever their authors want.
  { from: everyPod, to: 'internet' },
]
