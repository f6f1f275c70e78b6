import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameOf, type LiveObject, type Manifest } from '../../../../lib/kube/types.mts'
import { readVersions, type Versions } from '../../../../lib/settings/versions.mts'
import deployCoreApps from '../../../../scripts/09_k3s/09_k3s_06_deploy_core_apps.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { askedPort, parts } from '../../../../scripts/09_k3s/probes/probe.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { settingsOf } from '../rendered.mts'

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

const quiet = { ENV: 'dev', DOMAIN: 'example.com', CLUSTER_CIDR: '10.42.0.0/16' } as K3sSettings

/** Names of what step 06 applies, a line each call. @param recorded the verdict of the run before */
async function applied(enforced: boolean, recorded?: 'true' | 'false'): Promise<string[]> {
  const calls = await callsOf(enforced, recorded, quiet, {})
  return calls.slice(1).map((call) => call.map(({ metadata }) => metadata?.name).join(' '))
}

/** What step 06 applies, a list each call. */
async function callsOf(
  enforced: boolean,
  recorded: 'true' | 'false' | undefined,
  settings: K3sSettings,
  versions: Versions,
): Promise<Manifest[][]> {
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
  await deployCoreApps.run({
    settings,
    images: { probe: 'probe:1' },
    versions,
    kube,
    until: () => Promise.resolve(),
  } as never)
  return calls
}

test('step 06 applies first what the module declares for it, with the same proof of the registry’s account', async () => {
  const { versions } = readVersions('none')
  const account = { REGISTRY_USER: 'puller', REGISTRY_PASSWORD: 'a-password' }
  for (const REGISTRY_SERVER of ['ghcr.io', 'quay.io']) {
    const settings = settingsOf(k3s, { ...account, REGISTRY_SERVER }) as K3sSettings
    const declared = k3s.objects(settings, { traefik: 'traefik:1', probe: 'probe:1' } as never, versions)
    const [first] = await callsOf(true, 'true', settings, versions)
    assert.deepEqual(first?.map(nameOf), declared['06_deploy_core_apps'].map(nameOf))
  }
})

test('the probes are guarded once policies are proven, and from then on before they are asked', async () => {
  assert.deepEqual(await applied(true), ['network-policies asked'])
  assert.deepEqual(await applied(true, 'false'), ['network-policies asked'])
  assert.deepEqual(await applied(true, 'true'), ['asked', 'network-policies'])
})

test('where policies are not enforced nothing guards them: the step after that deletes it', async () => {
  assert.deepEqual(await applied(false, 'false'), ['network-policies'])
})
