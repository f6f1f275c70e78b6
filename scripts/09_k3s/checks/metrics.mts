import { isInterruption } from '../../../lib/base/errors.mts'
import { pollUntil } from '../../../lib/base/poll.mts'
import { failed, passed, type Check } from '../../../lib/checks/checks.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { names, nodesOf, type Tools } from './nodes.mts'
import type { K3sSettings } from '../settings.mts'

// The metrics that autoscalers use, and how long the first ones may take.

export const metrics: Check<K3sSettings> = {
  id: 'k3s.metrics',
  title: 'Metrics are there for every node: autoscalers can act',
  fix: 'kubectl -n kube-system logs deployment/metrics-server; it runs on any node: every node must reach port 10250 of every node',
  async ask(tools) {
    const nodes = await nodesOf(tools)
    const { without, thrown } = await pollUntil(() => lookForMetrics(tools, nodes), {
      until: ({ without }) => without.length === 0,
      milliseconds: twoScrapes,
      every: 2000,
      waiting: ({ without }) => `no metrics yet for ${names(without)}`,
    })
    if (thrown !== undefined) throw thrown
    return without.length === 0 ? passed(`${nodes.length} nodes`) : failed(`none for ${names(without)}`)
  },
}

/** Finds the nodes without metrics; all of them, with the error, when the request fails. Does not throw. */
async function lookForMetrics({ kube }: Tools, nodes: readonly LiveObject[]) {
  try {
    const { items } = JSON.parse(await kube.raw('/apis/metrics.k8s.io/v1beta1/nodes')) as {
      items: LiveObject[]
    }
    const seen = new Set(items.map(({ metadata }) => metadata.name))
    return { without: nodes.filter(({ metadata }) => !seen.has(metadata.name)) }
  } catch (thrown) {
    if (isInterruption(thrown)) throw thrown
    return { without: nodes, thrown }
  }
}

/**
 * Milliseconds until metrics-server, which scrapes every 15 s, has the two results of a node it needs. After one failed
 * scrape a node is absent for 30 to 45 s, also one that was there before.
 */
const twoScrapes = 60_000
