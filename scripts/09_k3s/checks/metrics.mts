import { pollUntil } from '../../../lib/base/poll.mts'
import { failed, passed, type Check } from '../../../lib/checks/checks.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { becameReadyWithin, names, nodesOf, type Tools } from './nodes.mts'
import type { K3sSettings } from '../settings.mts'

// What autoscalers act on, and how long its first figures may take.

export const metrics: Check<K3sSettings> = {
  id: 'k3s.metrics',
  title: 'Metrics are there for every node: autoscalers can act',
  fix: 'kubectl -n kube-system logs deployment/metrics-server; the masters must reach port 10250 of every node',
  async ask(tools) {
    const nodes = await nodesOf(tools)
    const servers = await tools.kube.list('pods', metricsServer)
    const { without, thrown } = await pollUntil(() => lookForMetrics(tools, nodes), {
      until: ({ without }) => without.length === 0 || ![...without, ...servers].some(isYoung),
      milliseconds: firstMetrics,
      every: 2000,
      waiting: () => 'a node or metrics-server has only just started: waiting for first metrics',
    })
    if (thrown !== undefined) throw thrown
    return without.length === 0 ? passed(`${nodes.length} nodes`) : failed(`none for ${names(without)}`)
  },
}

const metricsServer = { namespace: 'kube-system', labels: { 'k8s-app': 'metrics-server' } }

/** Nodes without metrics; all of them where nobody gives any, and why. */
async function lookForMetrics({ kube }: Tools, nodes: readonly LiveObject[]) {
  try {
    const { items } = JSON.parse(await kube.raw('/apis/metrics.k8s.io/v1beta1/nodes')) as {
      items: LiveObject[]
    }
    const seen = new Set(items.map(({ metadata }) => metadata.name))
    return { without: nodes.filter(({ metadata }) => !seen.has(metadata.name)) }
  } catch (thrown) {
    return { without: nodes, thrown }
  }
}

/** Milliseconds until metrics-server, which looks every 15 s, has the two looks it needs at a node that came back. */
const firstMetrics = 60_000

/** A Node or pod that may not have its metrics yet, or may not give any yet. */
const isYoung = (one: LiveObject): boolean =>
  becameReadyWithin(one, firstMetrics) ||
  (one.kind === 'Pod' && Date.now() - Date.parse(one.metadata.creationTimestamp ?? '') < firstMetrics)
