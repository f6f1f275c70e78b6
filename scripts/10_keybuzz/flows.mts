import { backendEndpoints, vaultFlows } from '../../lib/backends/endpoints.mts'
import { jobLabel } from '../../lib/kube/manifests/jobs.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { everyPod, type Flow, type Pods } from '../../lib/kube/manifests/policies.mts'
import { backends } from './backends.mts'
import { portOf, type Part } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'

const pods = (part: Part): Pods => ({ pods: selector('keybuzz', part) })
const migration: Pods = { pods: { 'app.kubernetes.io/name': 'keybuzz', [jobLabel]: 'migrate' } }

/** The TCP connections of the pods: only the API and its migration connect to the backends. */
export const flows = (settings: KeybuzzSettings): Flow[] => {
  const outside = backendEndpoints(backends(settings), settings)
  return [
    { from: 'nodes', to: pods('api'), port: portOf(settings, 'api') },
    { from: 'nodes', to: pods('front'), port: portOf(settings, 'front') },
    // A front that renders on the server may call the API by its Service.
    { from: pods('front'), to: pods('api'), port: portOf(settings, 'api') },
    { from: pods('api'), to: outside },
    ...(settings.API_MIGRATE === undefined ? [] : [{ from: migration, to: outside }]),
    ...vaultFlows(settings),
    // The kit does not know which addresses the operator's own programs connect to.
    { from: everyPod, to: 'internet' },
  ]
}
