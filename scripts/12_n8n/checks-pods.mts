import { shortened } from '../../lib/base/sensitive.mts'
import { isInterruption, wordsOf } from '../../lib/base/errors.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import type { CheckedApplication } from '../../lib/checks/standard.mts'
import { port } from './environment.mts'
import { names } from './names.mts'
import type { Tools } from './session.mts'
import type { N8nSettings } from './settings.mts'

/** n8n's pods, for the standard checks of every application. */
export const application: CheckedApplication<N8nSettings> = {
  name: 'n8n',
  namespace: names.namespace,
  parts: ['main', 'mcp', 'webhook', 'worker'],
  spread: ['webhook', 'worker'],
  problemsOf: readinessProblems,
  readiness: 'readiness fails while PostgreSQL, for a worker also Redis, is away',
}

/** Requests n8n's readiness path from one pod, through the API server. @returns its problems; none when it is ready */
async function readinessProblems({ kube }: Tools, { metadata }: LiveObject): Promise<string[]> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:${port}/proxy/healthz/readiness`
  try {
    const answer = await kube.raw(path)
    return answer.includes('"ok"') ? [] : [`${metadata.name} says ${shortened(answer.trim(), 80)}`]
  } catch (thrown) {
    if (isInterruption(thrown)) throw thrown
    return [`${metadata.name}: ${shortened(wordsOf(thrown), 160)}`]
  }
}
