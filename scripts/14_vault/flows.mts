import type { Flow } from '../../lib/kube/manifests/policies.mts'
import { injectorPort } from './names.mts'
import { injectorLabels } from './webhook.mts'

/** The injector answers the API server, and asks it. It never talks to Vault: the containers it adds do. */
export const flows = (): Flow[] => [
  { from: 'nodes', to: { pods: injectorLabels }, port: injectorPort },
  { from: { pods: injectorLabels }, to: 'api-server' },
]
