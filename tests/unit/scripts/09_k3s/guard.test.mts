import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nameOf, type LiveObject, type Manifest } from '../../../../lib/kube/types.mts'
import { readVersions, type Versions } from '../../../../lib/settings/versions.mts'
import deployCoreApps from '../../../../scripts/09_k3s/09_k3s_06_deploy_core_apps.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { imageAmong } from '../../../../scripts/09_k3s/nodes/held-image.mts'
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

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-guard-'))
after(() => rmSync(folder, { recursive: true }))

const quiet = { ENV: 'dev', DOMAIN: 'example.com', CLUSTER_CIDR: '10.42.0.0/16' } as K3sSettings

/** Whether the cluster enforces policies, at the look of that number, from 1. */
type Enforced = boolean | ((look: number) => boolean)

/** Names of what step 06 applies, a line each call. @param recorded the verdict of the run before */
async function applied(
  enforced: Enforced,
  recorded?: 'true' | 'false',
  nodes: Nodes = {},
): Promise<string[]> {
  const calls = await callsOf(enforced, recorded, quiet, {}, nodes)
  return calls.slice(1).map((call) => call.map(({ metadata }) => metadata?.name).join(' '))
}

/** A host whose file of images is read by a real shell. */
const hostOf = (text: string) => ({
  read([shell = '', ...words]: readonly string[]) {
    const path = join(folder, 'images')
    writeFileSync(path, text)
    const here = words.map((word) => word.replace(paths.held, path))
    return Promise.resolve({ code: 0, stdout: execFileSync(shell, here, { encoding: 'utf8' }), stderr: '' })
  },
})

interface Nodes {
  /** For each node, the images of its tarballs, as the file on the host has them. */
  readonly held?: readonly string[]
  readonly useImage?: (name: string, reference: string) => void
  /** The validation before passed, and this run changes nothing. */
  readonly isProven?: boolean
  /** The image of the probes that are there, and how many of them are ready. */
  readonly running?: { readonly image: string; readonly ready: number; readonly seen: number }
}

/** What step 06 applies, a list each call. */
async function callsOf(
  enforced: Enforced,
  recorded: 'true' | 'false' | undefined,
  settings: K3sSettings,
  versions: Versions,
  { held = [], useImage = () => {}, running, isProven = false }: Nodes = {},
): Promise<Manifest[][]> {
  const calls: Manifest[][] = []
  let look = 0
  const kube = {
    list: (kind: string, { labels = {} }: { labels?: Record<string, string> }) => {
      const part = Object.entries(parts).find(
        ([, one]) => JSON.stringify(one) === JSON.stringify(labels),
      )?.[0]
      if (part === 'guarded') look += 1
      return Promise.resolve(kind === 'pods' ? (pods[part ?? ''] ?? []) : [])
    },
    get: (kind: string) =>
      Promise.resolve(
        kind === 'daemonsets.apps'
          ? running && {
              metadata: { generation: 2 },
              spec: { template: { spec: { containers: [{ image: running.image }] } } },
              status: {
                updatedNumberScheduled: 9,
                numberReady: running.ready,
                observedGeneration: running.seen,
              },
            }
          : recorded && { data: { enforced: recorded } },
      ),
    raw: (path: string) => {
      const items = decodeURIComponent(path.split('ask=')[1] ?? '').split('|')
      const isEnforced = typeof enforced === 'boolean' ? enforced : enforced(look)
      const open = (item: string) => !isEnforced || !item.endsWith(`:${askedPort}`)
      return Promise.resolve(items.map((item, at) => `${at} ${open(item) ? 'yes' : ''}`).join('\n'))
    },
    apply: (manifests: Manifest[]) => Promise.resolve(void calls.push(manifests)),
    waitForRollout: () => Promise.resolve(),
  }
  await deployCoreApps.run({
    settings,
    images: { probe: 'probe:1' },
    useImage,
    versions,
    hosts: () =>
      Promise.resolve({
        servers: held.slice(0, 1).map(hostOf),
        workers: held.slice(1).map(hostOf),
        members: held,
      }),
    kube,
    cluster: { isProven: () => isProven },
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

test('a run that finds nothing to do after a validation that passed leaves the verdict to its own validation', async () => {
  const never = () => assert.fail('the probes were asked')
  assert.deepEqual(await applied(never, 'true', { isProven: true }), ['asked', 'network-policies'])
  // Without a record there is nothing to leave to it; and one that says no is tried again: somebody may have mended it.
  assert.deepEqual(await applied(true, 'false', { isProven: true }), ['network-policies asked'])
  assert.deepEqual(await applied(true, undefined, { isProven: true }), ['network-policies asked'])
})

test('new policies get 60 s until every node enforces them, and not longer', async (context) => {
  for (const [took, expected] of [
    [59, 'network-policies asked'],
    [61, 'network-policies'],
  ] as const) {
    let clock = 0
    const passing = context.mock.method(performance, 'now', () => clock)
    // The first look, which is wrong, is over after that many seconds.
    const found = await applied((look) => ((clock = took * 1000), look > 1))
    passing.mock.restore()
    assert.deepEqual(found, [expected], `after ${took} s`)
  }
})

test('the probes run the image that the tarballs of all nodes hold, and the revision names that one', async () => {
  const sum = 'a'.repeat(64)
  const noted = (...images: string[]) => [sum, ...images.map((image) => `${sum} ${image}`)].join('\n')
  const all = noted('ghcr.io/k3s-io/probe:1.38.0', 'docker.io/rancher/probe-of-others:2')
  const used: string[] = []
  const useImage = (name: string, reference: string) => void used.push(`${name} ${reference}`)
  const calls = await callsOf(true, 'true', quiet, {}, { held: [all, all], useImage })
  const images = [...JSON.stringify(calls).matchAll(/"image":"([^"]*)"/g)].map(([, image]) => image)
  assert.ok(images.length > 0)
  assert.deepEqual([...new Set(images)], ['ghcr.io/k3s-io/probe:1.38.0'])
  assert.deepEqual(used, ['probe ghcr.io/k3s-io/probe:1.38.0'])
})

test('hosts are asked for it unless the probes of all nodes run with that image', async () => {
  const sum = 'a'.repeat(64)
  const all = `${sum}\n${sum} ghcr.io/k3s-io/probe:1.38.0`
  for (const [running, expected] of [
    [{ image: 'probe:1', ready: 2, seen: 2 }, 'probe probe:1'],
    [{ image: 'probe:1', ready: 1, seen: 2 }, 'probe ghcr.io/k3s-io/probe:1.38.0'],
    [{ image: 'probe:0', ready: 2, seen: 2 }, 'probe ghcr.io/k3s-io/probe:1.38.0'],
    // What its controller says is of before the last change.
    [{ image: 'probe:1', ready: 2, seen: 1 }, 'probe ghcr.io/k3s-io/probe:1.38.0'],
  ] as const) {
    const used: string[] = []
    const useImage = (name: string, reference: string) => void used.push(`${name} ${reference}`)
    await callsOf(true, 'true', quiet, {}, { held: [all, all], useImage, running })
    assert.deepEqual(used, [expected])
  }
})

test('an image is taken by the name that every node has: the wanted one, else the newest of that name', () => {
  const wanted = 'docker.io/rancher/mirrored-library-busybox:1.37.0'
  const moved = 'ghcr.io/k3s-io/mirrored-library-busybox:1.37.0'
  const newer = 'ghcr.io/k3s-io/mirrored-library-busybox:1.38.0'
  const newest = 'ghcr.io/k3s-io/mirrored-library-busybox:1.102.0'
  const other = 'docker.io/rancher/mirrored-pause:3.6'
  for (const [lists, expected] of [
    [
      [
        [wanted, moved],
        [moved, wanted],
      ],
      wanted,
    ],
    [
      [
        [wanted, moved],
        [moved, other],
      ],
      moved,
    ],
    [
      [
        [newest, newer, moved],
        [newer, newest, moved],
      ],
      newest,
    ],
    // On no node, not on all of them, or nothing known: what versions.json says.
    [[[other], [other]], wanted],
    [[[wanted], [moved]], wanted],
    [[[moved], []], wanted],
    [[], wanted],
  ] as const)
    assert.equal(imageAmong(lists, wanted), expected, JSON.stringify(lists))
  // As a tarball of Docker's names an image of Docker Hub, and as containerd lists it.
  assert.equal(imageAmong([['docker.io/library/probe:1']], 'probe:1'), 'probe:1')
})
