import { backendEndpoints, vaultFlows } from '../../lib/backends/endpoints.mts'
import { jobLabel } from '../../lib/kube/manifests/jobs.mts'
import { selector } from '../../lib/kube/manifests/objects.mts'
import { endpoint, type Flow, type Pods } from '../../lib/kube/manifests/policies.mts'
import { backends } from './backends.mts'
import { port } from './environment.mts'
import type { Part } from './names.mts'
import type { SupersetSettings } from './settings.mts'

const pods = (part: Part): Pods => ({ pods: selector('superset', part) })
const [web, worker, beat] = [pods('web'), pods('worker'), pods('beat')]
const migration: Pods = { pods: { 'app.kubernetes.io/name': 'superset', [jobLabel]: 'migrate' } }

/** The TCP connections of the pods. The preflight opens none, but that of the agent before it. */
export const flows = (settings: SupersetSettings): Flow[] => {
  const outside = backendEndpoints(backends(settings), settings)
  return [
    { from: 'nodes', to: web, port },
    // The browser of a worker opens the pages that reports have pictures of.
    ...(settings.SUPERSET_REPORTS ? [{ from: worker, to: web, port }] : []),
    ...[web, worker, beat, migration].map((from) => ({ from, to: outside })),
    ...vaultFlows(settings),
    { from: worker, to: endpoint(settings.SMTP_HOST, settings.SMTP_PORT) },
    // The databases that are connected to Superset, and the receivers of alerts.
    { from: web, to: 'internet' },
    { from: worker, to: 'internet' },
  ]
}
