import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { endBackground } from '../../lib/base/background.mts'
import { createKubectl } from '../../lib/kube/kubectl.mts'
import { waitForDeployments } from '../../lib/kube/rollout/deployments.mts'
import { run, Unmeasured, type Row } from './measure.mts'

// A Deployment on an API server on loopback becomes ready while the kit waits for it, through the real kubectl.

const rounds = 10
const namespace = 'bench'

const template = { metadata: { labels: { app: 'n8n' } } }
const labelled = { namespace, labels: { app: 'n8n' } }

const deployment = (available: number) => ({
  metadata: { name: 'n8n', uid: 'd', generation: 1, ...labelled },
  spec: { replicas: 1, selector: { matchLabels: { app: 'n8n' } }, template },
  status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: available },
})

const pod = (ready: 'True' | 'False') => ({
  metadata: { name: 'n8n-1', uid: 'p', ownerReferences: [{ uid: 'r' }], ...labelled },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready }] },
})

const replicaSet = {
  metadata: { name: 'n8n-6f9c', uid: 'r', ownerReferences: [{ uid: 'd' }], ...labelled },
  spec: { template },
}

/** Kinds by the path of their version: plural, kind, and what a list of them has. */
const kinds: Readonly<Record<string, readonly (readonly [string, string, object?])[]>> = {
  '/api/v1': [
    ['pods', 'Pod', pod('False')],
    ['events', 'Event'],
    ['services', 'Service'],
  ],
  '/apis/apps/v1': [
    ['deployments', 'Deployment', deployment(0)],
    ['replicasets', 'ReplicaSet', replicaSet],
    ['statefulsets', 'StatefulSet'],
  ],
  '/apis/discovery.k8s.io/v1': [['endpointslices', 'EndpointSlice']],
}

/** The answer to a GET that is no watch; undefined for a path without one. */
function answerTo(path: string): object | undefined {
  const resources = kinds[path]?.map(([name, kind]) => ({ name, kind, namespaced: true }))
  if (resources !== undefined) return { kind: 'APIResourceList', groupVersion: path.slice(6), resources }
  const version = Object.keys(kinds)
    .find((one) => one.startsWith(`${path}/`))
    ?.slice(6)
  if (version !== undefined) return { kind: 'APIGroup', versions: [{ groupVersion: version }] }
  const [, of = '', plural] = /^(.*)\/namespaces\/bench\/(\w+)$/.exec(path) ?? []
  const found = kinds[of]?.find(([name]) => name === plural)
  if (found === undefined) return undefined
  const [, kind, object] = found
  return {
    kind: `${kind}List`,
    metadata: { resourceVersion: '1' },
    items: object === undefined ? [] : [object],
  }
}

/** Milliseconds from the last event a rollout needs until the screen says that it is ready. */
export async function events(): Promise<Row[]> {
  run(['kubectl', 'version', '--client'])
  const watches = new Map<string, ServerResponse>()
  const server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const answer = answerTo(pathname)
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    if (!searchParams.has('watch')) return response.end(JSON.stringify(answer ?? {}))
    response.flushHeaders()
    return watches.set(pathname.split('/').at(-1) ?? '', response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-bench-'))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const kubectl = createKubectl(['kubectl'], writeKubeconfig(folder, url), {
      context: 'bench',
      another: () => Promise.resolve('bench'),
    })
    const measured: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      watches.clear()
      const shown = watchScreen('deployment/n8n ready')
      const waited = waitForDeployments(kubectl, namespace, ['n8n'], [])
      const until = performance.now() + 10_000
      while (watches.size < 4 && performance.now() < until) await pause(20)
      // Longer than the wait's own looks, and at another moment between two of them each time.
      await pause(2500 + round * 150)
      const send = (plural: string, object: object) =>
        watches.get(plural)?.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`)
      send('deployments', { kind: 'Deployment', ...deployment(1) })
      const sent = performance.now()
      send('pods', { kind: 'Pod', ...pod('True') })
      await waited
      measured.push(shown() - sent)
    }
    return [{ name: 'event to screen', ours: measured, isMedian: true, bound: 100 }]
  } finally {
    await endBackground()
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  }
}

function writeKubeconfig(folder: string, server: string): string {
  const path = join(folder, 'kubeconfig')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    users: [{ name: 'bench', user: {} }],
  }
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  return path
}

/** Keeps the screen to itself. @returns a function that gives the screen back, and when the text was written to it */
function watchScreen(text: string): () => number {
  const write = process.stderr.write.bind(process.stderr)
  let at: number | undefined
  process.stderr.write = (written: string | Uint8Array) => {
    if (String(written).includes(text)) at ??= performance.now()
    return true
  }
  return () => {
    process.stderr.write = write
    if (at === undefined) throw new Unmeasured(`the screen never said "${text}"`)
    return at
  }
}
