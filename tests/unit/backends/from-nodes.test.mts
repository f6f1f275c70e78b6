import assert from 'node:assert/strict'
import { test } from 'node:test'
import { titledEndpoints, type BackendEndpoint } from '../../../lib/backends/endpoints.mts'
import { requireFromNodes } from '../../../lib/backends/from-nodes.mts'
import type { Backends } from '../../../lib/backends/backends.mts'
import { requireBackends } from '../../../lib/backends/needs.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { nodeProbe, probeNamespace } from '../../../lib/kube/probes.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { createContext } from '../../../lib/run/create-context.mts'
import type { Session } from '../../../lib/run/session.mts'

// What the nodes say of the backends, before a run writes. Stand-in probes: no cluster is asked.

const postgres: BackendEndpoint = {
  title: 'PostgreSQL',
  host: '192.0.2.10',
  port: 5432,
  login: { role: 'shop_dev', database: 'shop_dev' },
}
const redis: BackendEndpoint = { title: 'Redis', host: '192.0.2.10', port: 6379 }

const node = (name: string, address: string, spec: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec,
  status: {
    addresses: [{ type: 'InternalIP', address }],
    conditions: [{ type: 'Ready', status: 'True' }],
  },
})
const nodes = [
  node('k8s-1', '192.0.2.21'),
  node('k8s-2', '192.0.2.22'),
  node('k8s-3', '192.0.2.23', { taints: [{ effect: 'NoSchedule' }] }),
]
const podOn = (name: string): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `probe-${name}` },
  spec: { nodeName: name },
  status: { phase: 'Running', podIP: '10.42.0.5' },
})

/** A cluster whose probes say this of an item; undefined is what an older probe says. */
function clusterOf(
  says: (nodeName: string, item: string, times: number) => string | undefined,
  on: readonly string[] = ['k8s-1', 'k8s-2', 'k8s-3'],
) {
  const asked: string[] = []
  const kube = {
    list: (kind: string, where: object) => {
      assert.deepEqual([kind, where], ['pods', { namespace: probeNamespace, labels: nodeProbe }])
      return Promise.resolve(on.map(podOn))
    },
    raw: (path: string) => {
      const name = /\/probe-([^:]+):8081\//.exec(path)?.[1] ?? ''
      const items = decodeURIComponent(path.split('ask=')[1] ?? '').split('|')
      return Promise.resolve(
        items
          .map((item, at) => {
            asked.push(`${name} ${item}`)
            const times = asked.filter((one) => one === `${name} ${item}`).length
            return `${at} ${says(name, item, times) ?? ''}`
          })
          .join('\n'),
      )
    },
  }
  const said: string[] = []
  const reporter = {
    warn: (text: string, fix?: string) => void said.push(`! ${text}; ${fix}`),
    ok: (text: string) => void said.push(text),
  }
  return { kube, asked, said, reporter }
}

const ask = (
  cluster: ReturnType<typeof clusterOf>,
  endpoints: readonly BackendEndpoint[] = [postgres, redis],
  addressesOf?: (name: string) => Promise<string[]>,
) => requireFromNodes(endpoints, { ...cluster, nodes, ...(addressesOf === undefined ? {} : { addressesOf }) })

test('every node that takes pods is asked once for each backend, and no other node', async () => {
  const cluster = clusterOf(() => 'yes')
  await ask(cluster)
  assert.deepEqual(cluster.said, ['pods on 2 nodes reach PostgreSQL, Redis'])
  assert.deepEqual(
    cluster.asked.toSorted(),
    ['k8s-1', 'k8s-2'].flatMap((name) => [
      `${name} login=192.0.2.10:5432,shop_dev/shop_dev`,
      `${name} open=192.0.2.10:5432`,
      `${name} open=192.0.2.10:6379`,
    ]),
  )
})

test('a firewall that stops one node: exit 6 with node, address and what lets it in', async () => {
  const cluster = clusterOf((name, item) => (name === 'k8s-2' && item.endsWith(':5432') ? 'no' : 'yes'))
  await assert.rejects(ask(cluster), (thrown: unknown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.unreachable)
    assert.equal(thrown.message, 'PostgreSQL 192.0.2.10:5432 cannot be reached by pods on k8s-2')
    assert.match(
      thrown.hint ?? '',
      /^let 192\.0\.2\.22 in on port 5432 .*firewall.*security group.*pg_hba\.conf/,
    )
    assert.doesNotMatch(thrown.hint ?? '', /192\.0\.2\.21/)
    assert.match(thrown.details.join(), /Nothing was written/)
    return true
  })
  const twice = (item: string) => cluster.asked.filter((one) => one === `k8s-2 ${item}`).length
  assert.deepEqual([twice('open=192.0.2.10:5432'), twice('open=192.0.2.10:6379')], [2, 1])
})

test('pg_hba.conf that has no line for the nodes: exit 8 with role, database and addresses', async () => {
  const cluster = clusterOf((_name, item) => (item.startsWith('login=') ? 'no' : 'yes'))
  await assert.rejects(ask(cluster), (thrown: unknown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.denied)
    assert.match(thrown.message, /does not let pods on k8s-1, k8s-2 in as shop_dev: its pg_hba\.conf/)
    assert.match(thrown.hint ?? '', /shop_dev and database shop_dev from 192\.0\.2\.21, 192\.0\.2\.22 /)
    return true
  })
})

test('what refuses once and then answers is no firewall', async () => {
  const cluster = clusterOf((_name, _item, times) => (times === 1 ? 'no' : 'yes'))
  await ask(cluster)
  assert.deepEqual(cluster.said, ['pods on 2 nodes reach PostgreSQL, Redis'])
})

test('a name is asked by its addresses: one that is reached is enough, and only all of them are too few', async () => {
  const byName = { ...redis, host: 'redis.example.com' }
  const addresses = () => Promise.resolve(['192.0.2.30', '192.0.2.31'])
  await ask(
    clusterOf((_name, item) => (item.includes('.31:') ? 'yes' : 'no')),
    [byName],
    addresses,
  )
  await assert.rejects(
    ask(
      clusterOf(() => 'no'),
      [byName],
      addresses,
    ),
    { exitCode: exitCodes.unreachable, message: /^Redis redis\.example\.com:6379 .* k8s-1, k8s-2$/ },
  )
})

test('where nothing can be asked a run goes on, and the report says that it was not asked, and why', async () => {
  const none = clusterOf(() => 'yes', [])
  await ask(none)
  assert.match(
    none.said.join('\n'),
    /^! not asked from k8s-1, k8s-2 whether pods reach PostgreSQL 192\.0\.2\.10:5432, Redis .*: this cluster has no probes of the kit; .*addresses of the nodes/,
  )
  const older = clusterOf(() => undefined)
  await ask(older)
  assert.match(older.said.join('\n'), /^! not asked from .*a probe there is older.*; an install of module 9/)
  const half = clusterOf(() => 'yes', ['k8s-1'])
  await ask(half)
  assert.match(half.said.join('\n'), /^! not asked from k8s-2 whether/)
  for (const host of ['fd00::10', '[fd00::10]', 'unknown.example.com']) {
    const odd = clusterOf(() => 'yes')
    await ask(odd, [{ ...redis, host }], () => Promise.reject(new Error('ENOTFOUND')))
    assert.match(odd.said.join('\n'), /^! not asked from/)
    assert.deepEqual(odd.asked, [])
  }
  const denied = clusterOf(() => 'yes')
  const kube = { ...denied.kube, list: () => Promise.reject(new Error('pods is forbidden')) }
  await requireFromNodes([redis], { ...denied, kube, nodes })
  assert.match(denied.said.join('\n'), /^! not asked .*its probes cannot be read: pods is forbidden/)
})

test('the login that is tried is the application’s, and only where it is made without TLS', () => {
  const needs = { postgres: { owner: 'shop', name: 'shop_db' } } as never
  const settings = { ENV: 'dev', POSTGRES_HOST: 'db.example.com', POSTGRES_PORT: 5432 }
  assert.deepEqual(titledEndpoints(needs, settings), [
    {
      title: 'PostgreSQL',
      host: 'db.example.com',
      port: 5432,
      login: { role: 'shop', database: 'shop_db' },
    },
  ])
  assert.equal(titledEndpoints(needs, { ...settings, POSTGRES_TLS: 'require' })[0]?.login, undefined)
})

/** The backends of a step, in a run that foresees so many changes. @returns what was written, and what was asked */
async function required(foreseen: number, says: string): Promise<{ wrote: string[]; asked: string[] }> {
  const cluster = clusterOf(() => says)
  const wrote: string[] = []
  const fine = () => Promise.resolve()
  const session = {
    writes: { planning: false },
    module: { backends: () => ({ redis: { database: 1, owner: 'dev/20_shop' } }) },
    inputs: { current: () => ({ REDIS_HOST: '192.0.2.10', REDIS_PORT: 6379 }) },
    backends: () => ({
      redis: { tryOut: fine, require: () => Promise.resolve(void wrote.push('redis')) },
    }),
    reporter: cluster,
    opened: {
      kube: { foreseen: Array.from({ length: foreseen }), reader: cluster.kube },
      look: { nodes },
      cluster: {
        kubectl: {
          api: {
            raw: (path: string, options: object) => {
              assert.deepEqual(options, { once: true, timeoutSeconds: 12 })
              return cluster.kube.raw(path)
            },
          },
        },
      },
    },
  } as unknown as Session<never>
  const context = createContext(session, { id: '01_deploy' }) as unknown as {
    backends: { require: () => Promise<void> }
  }
  await context.backends.require().catch((thrown: unknown) => wrote.push(String(thrown)))
  return { wrote, asked: cluster.asked }
}

test('a step asks before it writes, and a run that will send nothing asks no node', async () => {
  assert.deepEqual((await required(3, 'no')).wrote, [
    'KitError: Redis 192.0.2.10:6379 cannot be reached by pods on k8s-1, k8s-2',
  ])
  const through = await required(3, 'yes')
  assert.deepEqual([through.wrote, through.asked.length], [['redis'], 2])
  assert.deepEqual(await required(0, 'no'), { wrote: ['redis'], asked: [] })
})

test('what this machine itself is refused counts before what nodes say', async () => {
  const refusal = new KitError('Redis refuses', { exitCode: exitCodes.denied })
  const backends = { redis: { tryOut: () => Promise.reject(refusal) } } as unknown as Backends
  await assert.rejects(
    requireBackends({ redis: { database: 1, owner: 'a' } as never }, backends, () =>
      Promise.reject(new KitError('a node', { exitCode: exitCodes.unreachable })),
    ),
    refusal,
  )
})
