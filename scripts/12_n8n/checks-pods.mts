import { shortened } from '../../lib/base/sensitive.mts'
import { messageOf } from '../../lib/base/errors.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { port } from './environment.mts'
import { names } from './names.mts'
import type { Tools } from './session.mts'
import type { N8nSettings } from './settings.mts'

/** n8n's pods, as the checks see them that every application has. */
export const application: CheckedApplication<N8nSettings> = {
  name: 'n8n',
  namespace: names.namespace,
  parts: ['main', 'mcp', 'webhook', 'worker'],
  spread: ['webhook', 'worker'],
  problemsOf: readinessProblems,
  readiness: 'readiness fails while PostgreSQL, for a worker also Redis, is away',
}

/** What n8n itself says of its readiness, asked of this very pod through the API server. */
async function readinessProblems({ kube }: Tools, { metadata }: LiveObject): Promise<string[]> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:${port}/proxy/healthz/readiness`
  try {
    const answer = await kube.raw(path)
    return answer.includes('"ok"') ? [] : [`${metadata.name} says ${shortened(answer.trim(), 80)}`]
  } catch (thrown) {
    return [`${metadata.name}: ${shortened(messageOf(thrown), 160)}`]
  }
}
