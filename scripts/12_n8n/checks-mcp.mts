import { failed, passed } from '../../lib/checks/checks.mts'
import { isStaying } from '../../lib/checks/pods.mts'
import type { Ingress, LiveObject } from '../../lib/kube/types.mts'
import { mcpPath } from './manifests.mts'
import { names } from './names.mts'
import type { N8nCheck } from './session.mts'

export const mcp: N8nCheck = {
  id: 'n8n.mcp',
  title: 'Every session of MCP stays in one process',
  fix: 'install the module again: the Ingress n8n sends /mcp to the Service n8n-mcp, and its Deployment has one replica and no autoscaler',
  async ask({ kube, settings }) {
    const namespace = names.namespace(settings.ENV)
    const ingress = await kube.get('ingresses.networking.k8s.io', 'n8n', namespace)
    if (ingress === undefined) return failed('there is no Ingress n8n')
    const name = serviceOf(ingress)
    if (name === undefined)
      return failed(`no path ${mcpPath} of the Ingress n8n: main answers there, with its editor`)
    const service = await kube.get('services', name, namespace)
    const labels = (service?.['spec'] as { selector?: Record<string, string> } | undefined)?.selector ?? {}
    if (Object.keys(labels).length === 0) return failed(`there is no Service ${name}, or it selects no pods`)
    const pods = (await kube.list('pods', { namespace, labels })).filter(isStaying)
    return pods.length === 1
      ? passed(`${mcpPath} leads to ${name}, one pod`)
      : failed(`${mcpPath} leads to ${name}, ${pods.length} pods: a session breaks when another one is met`)
  },
}

/** The name of the Service behind the path of MCP; undefined without that path. */
const serviceOf = (ingress: LiveObject): string | undefined =>
  ((ingress as unknown as Ingress).spec?.rules ?? [])
    .flatMap(({ http }) => http?.paths ?? [])
    .find(({ path }) => path === mcpPath)?.backend.service?.name
