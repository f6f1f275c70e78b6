import type { Flow } from '../../lib/kube/manifests/policies.mts'
import { injectorPort } from './names.mts'
import { injectorLabels } from './webhook.mts'

/** The injector's TCP connections, from and to the API server. Only the containers that it adds connect to Vault. */
export const flows = (): Flow[] => [
  { from: 'nodes', to: { pods: injectorLabels }, port: injectorPort },
  { from: { pods: injectorLabels }, to: 'api-server' },
]
