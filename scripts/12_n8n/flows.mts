import { backendEndpoints, vaultFlows } from '../../lib/backends/endpoints.mts'
import { endpoint, everyPod, type Flow } from '../../lib/kube/manifests/policies.mts'
import { backends } from './backends.mts'
import { port } from './environment.mts'
import type { N8nSettings } from './settings.mts'

/** The TCP connections of the pods. Processes communicate by Redis and PostgreSQL; a runner is in its worker's pod. */
export const flows = (settings: N8nSettings): Flow[] => [
  // From the ingress, and from the API server: by it the checks request the readiness path of each process.
  { from: 'nodes', to: everyPod, port },
  { from: everyPod, to: backendEndpoints(backends(settings), settings) },
  ...vaultFlows(settings),
  { from: everyPod, to: endpoint(settings.SMTP_HOST, settings.SMTP_PORT) },
  // The nodes of a workflow connect to any address that its author chooses.
  { from: everyPod, to: 'internet' },
]
