import { failed, passed, warning } from '../../lib/checks.mts'
import { messageOf } from '../../lib/errors.mts'
import type { LiveObject } from '../../lib/k8s.mts'
import { port } from './environment.mts'
import { namespaceOf } from './module.mts'
import type { N8nCheck, Tools } from './session.mts'

// What the cluster says of n8n's pods.

interface PodStatus {
  containerStatuses?: {
    name: string
    ready: boolean
    restartCount: number
    lastState?: { terminated?: { reason?: string; finishedAt?: string } }
  }[]
}

/** n8n's pods that are not ending. */
const podsOf = ({ kube, settings, once }: Tools): Promise<LiveObject[]> =>
  once('n8n.pods', async () => {
    const pods = await kube.list('pods', {
      namespace: namespaceOf(settings.ENV),
      labels: { 'app.kubernetes.io/name': 'n8n' },
    })
    return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  })

const componentOf = ({ metadata }: LiveObject): string =>
  metadata.labels?.['app.kubernetes.io/component'] ?? ''

export const ready: N8nCheck = {
  id: 'n8n.ready',
  title: 'Every process says it is ready',
  fix: 'kubectl -n NAMESPACE logs POD: readiness fails while PostgreSQL, for a worker also Redis, is away',
  async ask(tools) {
    const pods = await podsOf(tools)
    const parts = ['main', 'webhook', 'worker'].map(
      (part) => [part, pods.filter((pod) => componentOf(pod) === part).length] as const,
    )
    const absent = parts.flatMap(([part, count]) => (count === 0 ? [part] : []))
    if (absent.length > 0) return failed(`no pod of ${absent.join(', ')}`)
    const down: string[] = []
    for (const pod of pods) down.push(...unreadyOf(pod), ...(await readinessOf(tools, pod)))
    if (down.length > 0) return failed(`not ready: ${down.join(', ')}`)
    return passed(parts.map(([part, count]) => `${part} ${count}`).join(', '))
  },
}

/** A worker without its runner calls itself ready: what the kubelet says of each container counts too. */
const unreadyOf = ({ metadata, status }: LiveObject): string[] =>
  ((status as PodStatus).containerStatuses ?? []).flatMap(({ name, ready }) =>
    ready ? [] : [`${metadata.name}/${name}`],
  )

/** What is wrong with n8n's own word, asked of this very pod through the API server. */
async function readinessOf({ kube }: Tools, { metadata }: LiveObject): Promise<string[]> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:${port}/proxy/healthz/readiness`
  try {
    const answer = await kube.raw(path)
    return answer.includes('"ok"') ? [] : [`${metadata.name} says ${answer.trim().slice(0, 80)}`]
  } catch (thrown) {
    return [`${metadata.name}: ${messageOf(thrown).slice(0, 160)}`]
  }
}

export const spread: N8nCheck = {
  id: 'n8n.spread',
  title: 'Webhook processes and workers stand on two nodes',
  fix: 'one node is full or away: kubectl -n NAMESPACE get pods -o wide, then delete one of the two pods',
  async ask(tools) {
    const pods = await podsOf(tools)
    const nodesOf = (part: string) =>
      new Set(
        pods
          .filter((pod) => componentOf(pod) === part)
          .map(({ spec }) => (spec as { nodeName?: string }).nodeName),
      )
    const counts = ['webhook', 'worker'].map((part) => `${part} on ${nodesOf(part).size}`)
    const single = ['webhook', 'worker'].some((part) => nodesOf(part).size < 2)
    return single ? warning(counts.join(', ')) : passed(counts.join(', '))
  },
}

export const restarts: N8nCheck = {
  id: 'n8n.restarts',
  title: 'No process crashed in the last ten minutes',
  fix: 'kubectl -n NAMESPACE logs POD --previous shows its last lines',
  async ask(tools) {
    const since = Date.now() - 10 * 60 * 1000
    const crashed = (await podsOf(tools)).flatMap(({ metadata, status }) =>
      ((status as PodStatus).containerStatuses ?? []).flatMap(({ name, lastState }) => {
        const { finishedAt, reason } = lastState?.terminated ?? {}
        return finishedAt !== undefined && Date.parse(finishedAt) > since
          ? [`${metadata.name}/${name} ${reason}`]
          : []
      }),
    )
    return crashed.length === 0 ? passed('none') : failed(crashed.join(', '))
  },
}
