import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOnce } from '../../../../lib/checks/checks.mts'
import { runDrills, type DrillTools } from '../../../../lib/checks/drills.mts'
import { drills } from '../../../../scripts/13_superset/drills.mts'
import type { SupersetSettings } from '../../../../scripts/13_superset/settings.mts'
import { rightRoutes, startSuperset, type Route } from './server.mts'

// The drills on a Superset that is right, and on one that is wrong in one thing.

interface World {
  /** The routes, given what has been broken so far. */
  readonly routes?: (did: readonly string[]) => Record<string, Route>
}

async function runOne(id: string, { routes = () => ({}) }: World) {
  const did: string[] = []
  const right = rightRoutes()
  const table = Object.fromEntries(
    Object.keys(right).map((name): [string, Route] => [
      name,
      (request) => (routes(did)[name] ?? right[name])?.(request) ?? { status: 404 },
    ]),
  )
  const superset = await startSuperset(table)
  const note = (word: string) => (namespace: string, names: string | readonly string[]) => {
    did.push(`${word} ${namespace}/${[names].flat().join(',')}`)
    return Promise.resolve()
  }
  const breaking = { losePods: note('lost'), scaleDown: note('down'), restore: note('back') }
  const tools = { settings: superset.settings, http: superset.http, once: createOnce(), breaking }
  try {
    const [outcome] = await runDrills(
      drills.filter((drill) => drill.id === id),
      tools as unknown as DrillTools<SupersetSettings>,
    )
    assert.ok(outcome !== undefined)
    return { outcome, did, asked: superset.asked }
  } finally {
    superset.close()
  }
}

/** A query that waits until the workers are back. */
const waiting: World = {
  routes: (did) =>
    did.some((one) => one.startsWith('back'))
      ? {}
      : { 'GET /api/v1/query/7': () => ({ json: { result: { status: 'pending' } } }) },
}

test('superset.key: every pod is lost, the stored connection connects, and is taken away', async () => {
  const { outcome, did, asked } = await runOne('superset.key', {})
  assert.equal(outcome.result, 'passed', outcome.evidence)
  assert.deepEqual(did, ['lost superset-dev/superset,superset-worker,superset-beat'])
  assert.equal(asked.filter((one) => one === 'DELETE /api/v1/database/2').length, 1)
})

test('superset.queue: the query waits without a worker and completes with them', async () => {
  const { outcome, did } = await runOne('superset.queue', waiting)
  assert.equal(outcome.result, 'passed', outcome.evidence)
  assert.deepEqual(did.slice(0, 2), [
    'down superset-dev/superset-worker',
    'back superset-dev/superset-worker',
  ])
})

const lost: Route = () => ({ status: 500, text: 'Invalid decryption key' })
const faults: [id: string, evidence: RegExp, world: World][] = [
  [
    'superset.key',
    /after the pods were lost: 500 Invalid decryption key/,
    { routes: (did) => (did.length > 0 ? { 'GET /api/v1/database/2/connection': lost } : {}) },
  ],
  [
    'superset.key',
    /before the pods were lost: 500/,
    { routes: () => ({ 'GET /api/v1/database/2/connection': lost }) },
  ],
  ['superset.queue', /without a worker it became success/, {}],
  [
    'superset.queue',
    /broker took no task/,
    {
      routes: () => ({ 'POST /api/v1/sqllab/execute/': () => ({ status: 500, text: 'query on a worker' }) }),
    },
  ],
]
for (const [id, evidence, world] of faults)
  test(`${id} sees it: ${evidence.source}; the workers are back in any case`, async () => {
    const { outcome, did } = await runOne(id, world)
    assert.equal(outcome.result, 'failed')
    assert.match(outcome.evidence, evidence)
    if (id === 'superset.queue') assert.ok(did.at(-1)?.startsWith('back'))
  })
