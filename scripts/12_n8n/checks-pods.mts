import { shortened } from '../../lib/base/sensitive.mts'
import { failed } from '../../lib/checks/checks.mts'
import { messageOf } from '../../lib/base/errors.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { applicationPods, crashAnswer, readyAnswer, spreadAnswer } from '../../lib/checks/pods.mts'
import { port } from './environment.mts'
import { names } from './names.mts'
import type { N8nCheck, Tools } from './session.mts'

// What the cluster says of n8n's pods.

/** n8n's pods that are not ending. */
const podsOf = (tools: Tools): Promise<LiveObject[]> =>
  applicationPods(tools, names.namespace(tools.settings.ENV), 'n8n')

export const ready: N8nCheck = {
  id: 'n8n.ready',
  title: 'Every process says it is ready',
  fix: 'kubectl -n NAMESPACE logs POD: readiness fails while PostgreSQL, for a worker also Redis, is away',
  async ask(tools) {
    const pods = await podsOf(tools)
    const answer = readyAnswer(pods, ['main', 'webhook', 'worker'])
    if (answer.result === 'failed') return answer
    const down: string[] = []
    for (const pod of pods) down.push(...(await readinessOf(tools, pod)))
    return down.length === 0 ? answer : failed(`not ready: ${down.join(', ')}`)
  },
}

/** What is wrong with n8n's own word, asked of this very pod through the API server. */
async function readinessOf({ kube }: Tools, { metadata }: LiveObject): Promise<string[]> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:${port}/proxy/healthz/readiness`
  try {
    const answer = await kube.raw(path)
    return answer.includes('"ok"') ? [] : [`${metadata.name} says ${shortened(answer.trim(), 80)}`]
  } catch (thrown) {
    return [`${metadata.name}: ${shortened(messageOf(thrown), 160)}`]
  }
}

export const spread: N8nCheck = {
  id: 'n8n.spread',
  title: 'Webhook processes and workers stand on two nodes',
  fix: 'one node is full or away: kubectl -n NAMESPACE get pods -o wide, then delete one of the two pods',
  ask: async (tools) => spreadAnswer(await podsOf(tools), ['webhook', 'worker']),
}

export const restarts: N8nCheck = {
  id: 'n8n.restarts',
  title: 'No process crashed in the last ten minutes',
  fix: 'kubectl -n NAMESPACE logs POD --previous shows its last lines',
  ask: async (tools) => crashAnswer(await podsOf(tools)),
}
