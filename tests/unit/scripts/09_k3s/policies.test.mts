import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import { closedPort, provePolicies } from '../../../../scripts/09_k3s/probes/policies.mts'
import { parts, servedPort } from '../../../../scripts/09_k3s/probes/probe.mts'

// Which flows of the proof of NetworkPolicies are asked a second time: a refused one takes seconds.

const addresses = { node: '10.42.0.4', guarded: '10.42.0.5', confined: '10.42.0.6' }

/** A node whose probe does not answer these items at the first look. @returns the proof, and what was asked how often */
async function proof(slow: (item: string) => boolean) {
  const asked = new Map<string, number>()
  const kube = {
    list: (_kind: string, { labels }: { labels: object }) => {
      const name = (Object.keys(addresses) as (keyof typeof addresses)[]).find((one) => parts[one] === labels)
      return Promise.resolve([
        {
          metadata: { name },
          spec: { nodeName: 'a' },
          status: { podIP: name && addresses[name], phase: 'Running' },
        },
      ])
    },
    raw: (path: string) => {
      const [, pod = ''] = /pods\/(.*):\d+\/proxy/.exec(path) ?? []
      const items = decodeURIComponent(path.split('ask=')[1] ?? '').split('|')
      return Promise.resolve(
        items
          .map((item, at) => {
            const times = (asked.get(`${pod} ${item}`) ?? 0) + 1
            asked.set(`${pod} ${item}`, times)
            return item.endsWith(`:${servedPort}`) && (times > 1 || !slow(item)) ? `${at} yes` : `${at} `
          })
          .join('\n'),
      )
    },
  } as unknown as KubeReader
  return { proof: await provePolicies(kube), asked: Object.fromEntries(asked) }
}

const item = (pod: 'node' | 'guarded', port: number) => `who=${addresses[pod]}:${port}`
const whole = { cut: [], passed: [], flows: 4 }

test('a flow that is refused, as it must be, is asked once', async () => {
  assert.deepEqual(await proof(() => false), {
    proof: whole,
    asked: {
      [`node ${item('guarded', servedPort)}`]: 1,
      [`node ${item('guarded', closedPort)}`]: 1,
      [`confined ${item('node', servedPort)}`]: 1,
      [`confined ${item('node', closedPort)}`]: 1,
    },
  })
})

test('beside one that should pass and did not both are asked again: the node may be busy', async () => {
  assert.deepEqual(await proof((one) => one === item('guarded', servedPort)), {
    proof: whole,
    asked: {
      [`node ${item('guarded', servedPort)}`]: 2,
      [`node ${item('guarded', closedPort)}`]: 2,
      [`confined ${item('node', servedPort)}`]: 1,
      [`confined ${item('node', closedPort)}`]: 1,
    },
  })
})
