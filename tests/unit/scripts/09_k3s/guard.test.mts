import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LiveObject, Manifest } from '../../../../lib/kube/types.mts'
import deployCoreApps from '../../../../scripts/09_k3s/09_k3s_06_deploy_core_apps.mts'
import { askedPort, parts } from '../../../../scripts/09_k3s/probes/probe.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'

// When the policy around the probes is applied. The cluster is a stand-in whose probes say what policies would let them.

const podOf = (name: string, podIP: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { nodeName: name },
  status: { phase: 'Running', podIP },
})
const pods: Record<string, LiveObject[]> = {
  node: [podOf('k8s-1', '10.42.0.5')],
  guarded: [podOf('guarded', '10.42.0.6')],
  confined: [podOf('confined', '10.42.0.7')],
}

/** Names of what step 06 applies, a line each call. @param recorded the verdict of the run before */
async function applied(enforced: boolean, recorded?: 'true' | 'false'): Promise<string[]> {
  const calls: Manifest[][] = []
  const kube = {
    list: (kind: string, { labels = {} }: { labels?: Record<string, string> }) => {
      const part = Object.entries(parts).find(
        ([, one]) => JSON.stringify(one) === JSON.stringify(labels),
      )?.[0]
      return Promise.resolve(kind === 'pods' ? (pods[part ?? ''] ?? []) : [])
    },
    get: () => Promise.resolve(recorded === undefined ? undefined : { data: { enforced: recorded } }),
    raw: (path: string) => {
      const items = decodeURIComponent(path.split('ask=')[1] ?? '').split('|')
      const open = (item: string) => !enforced || !item.endsWith(`:${askedPort}`)
      return Promise.resolve(items.map((item, at) => `${at} ${open(item) ? 'yes' : ''}`).join('\n'))
    },
    apply: (manifests: Manifest[]) => Promise.resolve(void calls.push(manifests)),
    waitForRollout: () => Promise.resolve(),
  }
  const settings = { ENV: 'dev', DOMAIN: 'example.com', CLUSTER_CIDR: '10.42.0.0/16' } as K3sSettings
  await deployCoreApps.run({
    settings,
    images: { probe: 'probe:1' },
    versions: {},
    kube,
    until: () => Promise.resolve(),
  } as never)
  return calls.slice(1).map((call) => call.map(({ metadata }) => metadata?.name).join(' '))
}

test('the probes are guarded once policies are proven, and from then on before they are asked', async () => {
  assert.deepEqual(await applied(true), ['network-policies asked'])
  assert.deepEqual(await applied(true, 'false'), ['network-policies asked'])
  assert.deepEqual(await applied(true, 'true'), ['asked', 'network-policies'])
})

test('where policies are not enforced nothing guards them: the step after that deletes it', async () => {
  assert.deepEqual(await applied(false, 'false'), ['network-policies'])
})
