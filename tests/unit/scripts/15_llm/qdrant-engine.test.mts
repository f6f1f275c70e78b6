import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createOnce, runChecks } from '../../../../lib/checks/checks.mts'
import { runDrills, type DrillTools } from '../../../../lib/checks/drills.mts'
import { explainLines } from '../../../../lib/kube/rollout/failure.mts'
import { qdrantRefusals, qdrantWrites } from '../../../../scripts/15_llm/checks-qdrant.mts'
import { drills } from '../../../../scripts/15_llm/drills.mts'
import { failures } from '../../../../scripts/15_llm/failures.mts'
import type { LlmSettings } from '../../../../scripts/15_llm/settings.mts'
import { folderFor, key, startQdrant, withoutEngine, type Qdrant } from './qdrant.mts'
import { startWorld, type Started } from './world.mts'

// The kit's own checks and drill of Qdrant against its real engine, and the server in front of it against Qdrant's
// contract.

const options = { skip: withoutEngine }
const folder = folderFor(after)
let world: Started
let qdrant: Qdrant
before(async () => {
  world = await startWorld()
  if (withoutEngine === false) qdrant = await startQdrant(folder)
})
after(async () => {
  await world.stop()
  if (withoutEngine === false) await qdrant.end('SIGKILL')
})

async function ask(
  path: string,
  {
    method = 'GET',
    json,
    headers = { 'api-key': key },
  }: { method?: string; json?: unknown; headers?: Record<string, string> } = {},
): Promise<[number, unknown]> {
  const body = json === undefined ? {} : { body: typeof json === 'string' ? json : JSON.stringify(json) }
  const response = await fetch(qdrant.url + path, { method, headers, ...body })
  const content = await response.text()
  if (response.headers.get('content-type') !== 'application/json') return [response.status, content]
  const { result, status } = JSON.parse(content) as { result?: unknown; status: 'ok' | { error: string } }
  return [response.status, status === 'ok' ? result : status.error]
}

const put = (path: string, json: unknown) => ask(path, { method: 'PUT', json })
const names = async () => {
  const [, { collections }] = (await ask('/collections')) as [number, { collections: { name: string }[] }]
  return collections.map(({ name }) => name)
}

test('its first line says what it is: a stand-in, and over which engine', options, () => {
  assert.equal(
    qdrant.firstLine,
    'STAND-IN of Qdrant 1.19.0: a small HTTP server over the real engine (qdrant-edge 0.9.0)',
  )
})

test('the checks of the kit pass, and leave nothing behind', options, async () => {
  const outcomes = await runChecks([qdrantRefusals, qdrantWrites], world.tools({ qdrant: () => qdrant.url }))
  assert.deepEqual(
    outcomes.map(({ id, result, evidence }) => [id, result, evidence]),
    [
      ['qdrant.refusals', 'passed', 'no key 401, wrong key 401'],
      ['qdrant.search', 'passed', 'one point written and found'],
    ],
  )
  assert.deepEqual(await names(), [])
})

test('the drill passes although the process is killed right after the write', options, async () => {
  const [outcome] = await runDrills(
    drills.filter(({ id }) => id === 'qdrant.restart'),
    {
      ...world.tools({ qdrant: () => qdrant.url }),
      once: createOnce(),
      breaking: {
        async losePods() {
          assert.equal(await qdrant.end('SIGKILL'), null)
          qdrant = await startQdrant(folder)
        },
      },
    } as unknown as DrillTools<LlmSettings>,
  )
  assert.equal(`${outcome?.result}: ${outcome?.evidence}`, 'passed: found by the new pod')
  assert.deepEqual(await names(), [])
})

test(
  'the nearest points come first, of the last write of each, also after SIGTERM and a new start',
  options,
  async () => {
    await put('/collections/near', { vectors: { size: 2, distance: 'Cosine' } })
    const point = (id: number, vector: number[], payload = {}) => ({ id, vector, payload })
    const first = await put('/collections/near/points?wait=true', {
      points: [point(1, [1, 0]), point(2, [0, 1]), point(3, [1, 1], { at: 'first' })],
    })
    assert.deepEqual(first, [200, { operation_id: 0, status: 'completed' }])
    const second = await put('/collections/near/points', { points: [point(3, [2, 1], { at: 'last' })] })
    assert.deepEqual(second, [200, { operation_id: 1, status: 'acknowledged' }])
    const query = async () => {
      const json = { query: [1, 0], limit: 2, with_payload: true, with_vector: false }
      const [, result] = await ask('/collections/near/points/query', { method: 'POST', json })
      return (result as { points: { id: number; payload: object }[] }).points
    }
    const found = await query()
    assert.deepEqual(
      found.map(({ id, payload }) => [id, payload]),
      [
        [1, {}],
        [3, { at: 'last' }],
      ],
    )
    assert.equal(await qdrant.end('SIGTERM'), 0)
    qdrant = await startQdrant(folder)
    assert.deepEqual(await query(), found)
    const json = { vector: [1, 0], limit: 1 }
    const [status, old] = await ask('/collections/near/points/search', { method: 'POST', json })
    assert.deepEqual([status, old], [200, [{ id: 1, version: 0, score: 1 }]])
    const [, described] = await ask('/collections/near')
    assert.equal((described as { points_count: number }).points_count, 3)
    assert.deepEqual(await ask('/collections/near', { method: 'DELETE' }), [200, true])
    assert.deepEqual(await ask('/collections/near', { method: 'DELETE' }), [200, false])
    await qdrant.end('SIGKILL')
    qdrant = await startQdrant(folder)
    assert.deepEqual(await names(), [])
  },
)

test('without the key nothing but its version and whether it lives', options, async () => {
  const nobody = { headers: {} }
  assert.deepEqual(await ask('/readyz', nobody), [200, 'all shards are ready'])
  assert.deepEqual(await ask('/livez', nobody), [200, 'healthz check passed'])
  assert.deepEqual(await ask('/healthz', nobody), [200, 'healthz check passed'])
  const version = await fetch(qdrant.url)
  assert.deepEqual(await version.json(), { title: 'qdrant - vector search engine', version: '1.19.0' })
  const missing = [401, 'Must provide an API key or an Authorization bearer token']
  const wrong = [401, 'Invalid API key or JWT']
  for (const path of ['/collections', '/healthz/more', '/telemetry', '/nothing']) {
    assert.deepEqual(await ask(path, nobody), missing, path)
    assert.deepEqual(await ask(path, { headers: { 'api-key': `${key}-more` } }), wrong, path)
  }
  assert.deepEqual(await ask('/collections', { headers: { authorization: 'Bearer other' } }), wrong)
  const bearer = { headers: { authorization: `Bearer ${key}` } }
  assert.deepEqual(await ask('/collections', bearer), [200, { collections: [] }])
})

test('what Qdrant refuses is refused in its words, and what is not here by name', options, async () => {
  await put('/collections/a', { vectors: { size: 2, distance: 'Dot' } })
  const post = (path: string, json: unknown) => ask(path, { method: 'POST', json })
  const points = (...list: unknown[]) => put('/collections/a/points', { points: list })
  const absent = "Not found: Collection `b` doesn't exist!"
  for (const [asked, status, words] of [
    [
      put('/collections/a', { vectors: { size: 2, distance: 'Dot' } }),
      409,
      'Wrong input: Collection `a` already exists!',
    ],
    [put('/collections/b', { vectors: { size: 0, distance: 'Dot' } }), 422, /^Validation error in JSON body/],
    [put('/collections/b', { vectors: { size: 2, distance: 'Near' } }), 400, /^Format error in JSON body/],
    [put('/collections/b', {}), 400, 'Format error in JSON body: missing field `vectors`'],
    [put('/collections/b', '{"vectors":'), 400, /^Format error in JSON body/],
    [put('/collections/..%2Fb', { vectors: { size: 2, distance: 'Dot' } }), 422, /^Validation error in path/],
    [
      points({ id: 1, vector: [1, 2, 3] }),
      400,
      'Wrong input: Vector dimension error: expected dim: 2, got 3',
    ],
    [points({ id: 'one', vector: [1, 2] }), 400, /^Format error in JSON body/],
    [points({ id: 1 }), 400, 'Format error in JSON body: missing field `vector`'],
    [put('/collections/b/points', { points: [] }), 404, absent],
    [post('/collections/b/points/query', { query: [1, 2] }), 404, absent],
    [ask('/collections/b'), 404, absent],
    [post('/collections/a/points/query', { query: [1] }), 400, /^Wrong input: Vector dimension error/],
    [
      post('/collections/a/points/query', { query: [1, 2], filter: {} }),
      400,
      /stand-in has no field `filter`/,
    ],
    [post('/collections/a/snapshots', {}), 404, 'this stand-in has no POST /collections/a/snapshots'],
  ] as const) {
    const [code, said] = await asked
    assert.equal(code, status, String(said))
    if (typeof words === 'string') assert.equal(said, words)
    else assert.match(String(said), words)
  }
  assert.deepEqual(await names(), ['a'])
})

test(
  'it does not start without what the kit’s pod has, nor where it cannot write; the kit knows why',
  options,
  async () => {
    const start = (more: Record<string, string>) => startQdrant(folderFor(after), more)
    await assert.rejects(start({ QDRANT__SERVICE__API_KEY: '', RUN_MODE: 'development' }), {
      message: /exit 1\n.*\nQDRANT__SERVICE__API_KEY is not set\nRUN_MODE must be production\n$/,
    })
    const file = join(folderFor(after), 'a-file')
    writeFileSync(file, '')
    for (const [name, words] of [
      ['QDRANT__STORAGE__SNAPSHOTS_PATH', /Can't create Snapshots directory/],
      ['QDRANT__STORAGE__STORAGE_PATH', /Can't create Collections directory/],
    ] as const) {
      const message = await start({ [name]: join(file, 'below') }).then(
        () => 'it started',
        (error: unknown) => String(error),
      )
      assert.match(message, words)
      const { known } = explainLines(message.split('\n'), failures({ ENV: 'staging' } as LlmSettings))
      assert.equal(known?.meaning, 'Qdrant may not write into its volume.')
    }
  },
)
