import assert from 'node:assert/strict'
import { after, before, mock, test } from 'node:test'
import { runChecks, type Outcome } from '../../../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { createLimits, createVirtualKey } from '../../../../scripts/15_llm/checks-keys.mts'
import { createSalt } from '../../../../scripts/15_llm/checks-salt.mts'
import { checks } from '../../../../scripts/15_llm/checks.mts'
import { saved } from './settings.mts'
import { pod, startWorld, type Asked, type Given, type Started, type World } from './world.mts'

let world: Started
before(async () => {
  // Limits are counted by the minute of the clock: near its end the check would wait for the next one.
  mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 1, 12, 0, 10) })
  world = await startWorld()
})
after(() => world.stop())

async function outcomeOf(id: string, wrong: World): Promise<Outcome> {
  const [outcome] = await runChecks(
    checks.filter((check) => check.id === id),
    world.tools(wrong),
  )
  assert.ok(outcome !== undefined, `there is no check ${id}`)
  return outcome
}

test('on a LiteLLM and a Qdrant that are right, every check passes, and only the credential that shows the salt key is left', async () => {
  const outcomes = await runChecks(checks, world.tools({}))
  assert.deepEqual(
    outcomes.filter(({ result }) => result !== 'passed'),
    [],
  )
  assert.equal(world.state.keys.size, 0)
  assert.equal(world.state.collections.size, 0)
  assert.deepEqual([...world.state.credentials.keys()], ['keybuzz-salt'])
  const evidence = JSON.stringify(outcomes)
  assert.match(evidence, /3 of 6 answered, 3 refused, on two pods/)
  for (const secret of [saved['LITELLM_MASTER_KEY'], saved['QDRANT_API_KEY'], 'sk-keybuzz-check-'])
    assert.ok(!evidence.includes(secret ?? ''))
})

/** One answer in place of the right one, for requests to this path. */
const at =
  (path: string, given: Given | ((asked: Asked) => Given | undefined)) =>
  (asked: Asked): Given | undefined =>
    asked.path.startsWith(path) ? (typeof given === 'function' ? given(asked) : given) : undefined

const chat = '/v1/chat/completions'
const answered: Given = { json: { choices: [] } }
/** Each pod counts for itself: three requests of six go to each. */
const perPod = at(chat, answered)
const ready = (more: object) => [
  pod('litellm-1', 'proxy', more),
  pod('litellm-2', 'proxy', { podIP: '127.0.0.1' }),
  pod('llm-checks-1', 'checks'),
]
/** A pod with these images, the last one of an init container. */
const withImages = (name: string, image: string, first = image) => ({
  ...pod(name, 'other'),
  spec: { nodeName: 'node-1', containers: [{ image }], initContainers: [{ image: first }] },
})
const crashed = {
  containerStatuses: [
    {
      name: 'litellm',
      ready: false,
      restartCount: 1,
      lastState: { terminated: { reason: 'Error', finishedAt: '2026-01-01T12:00:00Z' } },
    },
  ],
}
const unready = { containerStatuses: [{ name: 'litellm', ready: false, restartCount: 0 }] }

type Wrong = [id: string, what: string, world: World, result: Outcome['result'], evidence: RegExp]

const wrong: Wrong[] = [
  ['litellm.ready', 'a pod that is not ready', { pods: ready(unready) }, 'failed', /not ready: litellm-1/],
  [
    'litellm.ready',
    'a 200 of a pod that never tries PostgreSQL again',
    { readiness: '{"status":"healthy","db":"Not connected"}' },
    'failed',
    /litellm-1 started while PostgreSQL was away and never tries again/,
  ],
  [
    'litellm.ready',
    'a pod whose database stalls',
    { readiness: '{"db":"stalled"}' },
    'failed',
    /says db "stalled"/,
  ],
  ['litellm.ready', 'an answer that is none', { readiness: '<html>' }, 'failed', /litellm-1: /],
  [
    'litellm.spread',
    'both pods on one node',
    { pods: ready({}).map((one) => ({ ...one, spec: { nodeName: 'node-1' } })) },
    'warning',
    /proxy on 1/,
  ],
  [
    'litellm.restarts',
    'a container that crashed just now',
    { pods: ready(crashed) },
    'failed',
    /litellm-1\/litellm Error/,
  ],
  [
    'litellm.denied',
    'a version that an intruder published, of LiteLLM and of a service',
    {
      pods: [
        ...ready({}),
        withImages('litellm-3', 'ghcr.io/berriai/litellm-non_root:v1.107.0'),
        withImages('router-1', 'registry.example.com/router:1', 'docker.io/litellm/litellm:v1.82.7'),
      ],
    },
    'failed',
    /litellm:v1\.82\.7: 1\.82\.7 was published by an intruder .*litellm-non_root:v1\.107\.0: 1\.107\.\* was published by an intruder/,
  ],
  [
    'litellm.refusals',
    'an open door',
    { fault: at('/v1/models', { json: { data: [] } }) },
    'failed',
    /without a key 200/,
  ],
  [
    'litellm.refusals',
    'no database',
    {
      fault: at('/v1/models', ({ key }) =>
        key === '' ? undefined : { status: 400, json: { error: 'no_db_connection' } },
      ),
    },
    'failed',
    /400: LiteLLM runs without its database/,
  ],
  [
    'litellm.refusals',
    'a wrong key that is let in',
    { fault: at('/v1/models', ({ key }) => (key === '' ? undefined : { json: {} })) },
    'failed',
    /wrong key is answered 200/,
  ],
  [
    'litellm.models',
    'a model that is missing',
    { fault: at('/v1/models', { json: { data: [{ id: 'local' }] } }) },
    'failed',
    /missing: gpt-4o/,
  ],
  [
    'litellm.models',
    'a model of nobody',
    { fault: at('/v1/models', { json: { data: ['gpt-4o', 'local', 'spy'].map((id) => ({ id })) } }) },
    'failed',
    /in no file: spy/,
  ],
  [
    'litellm.models',
    'a master key that is refused',
    { fault: at('/v1/models', { status: 401, json: {} }) },
    'failed',
    /v1\/models: 401/,
  ],
  [
    'litellm.key',
    'a key that cannot be made',
    { fault: at('/key/generate', { status: 500, json: { error: 'no table' } }) },
    'failed',
    /key\/generate: 500.*no table/,
  ],
  [
    'litellm.key',
    'a new key that is refused',
    { fault: at(chat, { status: 401, json: {} }) },
    'failed',
    /used: 401 401/,
  ],
  ['litellm.key', 'a limit counted per pod', { fault: perPod }, 'failed', /6 of 6 answered, its limit is 3/],
  [
    'litellm.key',
    'a deleted key that works on',
    { fault: at('/key/delete', { json: { deleted_keys: [] } }) },
    'failed',
    /deleted, and still answered 429 by the same pod/,
  ],
  [
    'litellm.limits',
    'a limit counted per pod',
    { fault: perPod },
    'failed',
    /6 of 6 answered: limits are counted per pod: Redis is not reached/,
  ],
  [
    'litellm.limits',
    'Redis away, and requests refused for it',
    { fault: at(chat, { status: 503, json: { error: 'cannot verify the limit' } }) },
    'failed',
    /503 503.*cannot verify the limit/,
  ],
  [
    'litellm.limits',
    'one pod alone',
    { pods: ready({}).slice(1) },
    'failed',
    /fewer than two pods of LiteLLM/,
  ],
  [
    'litellm.stream',
    'a stream that is collected on the way',
    { fault: at(chat, { type: 'text/event-stream', pieces: ['data: {}\n\ndata: [DONE]\n\n'] }) },
    'failed',
    /before the last, at most, of 4 streams: something on the way collects them/,
  ],
  [
    'litellm.stream',
    'a stream that ends early',
    { fault: at(chat, { type: 'text/event-stream', pieces: ['data: {}\n\n'] }) },
    'failed',
    /it ended early/,
  ],
  [
    'litellm.stream',
    'another type',
    { fault: at(chat, answered) },
    'failed',
    /it is application\/json, not text\/event-stream/,
  ],
  [
    'litellm.hidden',
    'health that is public',
    { fault: at('/health', { json: { db: 'connected' } }) },
    'failed',
    /served: \/health 200, \/health\/readiness 200/,
  ],
  [
    'litellm.hidden',
    'metrics that ask for a key, and are reached',
    { fault: at('/metrics', { status: 401, json: {} }) },
    'failed',
    /served: \/metrics 401/,
  ],
  [
    'litellm.hidden',
    'an admin interface that is public',
    { fault: at('/ui/', { type: 'text/html', pieces: ['<html>LiteLLM</html>'] }) },
    'failed',
    /served: \/ui\/ 200$/,
  ],
  [
    'litellm.hidden',
    'metrics that anybody reads, where the admin interface is published',
    {
      more: { LITELLM_ADMIN_UI: 'true' },
      fault: at('/metrics', { type: 'text/plain', pieces: ['# HELP litellm_requests\n'] }),
    },
    'failed',
    /served: \/metrics 200$/,
  ],
  [
    'litellm.migrated',
    'a migration that is half done',
    { sql: { migrations: '1 2' } },
    'failed',
    /1 migrations are half done/,
  ],
  [
    'litellm.migrated',
    'a database of an older version',
    { sql: { migrations: '0 1' } },
    'failed',
    /1 done, the image ships 2/,
  ],
  ['litellm.migrated', 'an image that lost its migrations', { shipped: 0 }, 'failed', /ships no migration/],
  [
    'litellm.decrypts',
    'a row that no pod decrypts: it shows what is stored',
    {
      fault: at('/credentials/by_name/keybuzz-salt', {
        json: { credential_values: { mark: 'v2:gcm:Q0la' } },
      }),
    },
    'failed',
    /^litellm-1 cannot decrypt keybuzz-salt: LITELLM_SALT_KEY is not the one it was stored with; litellm-2 cannot/,
  ],
  [
    'litellm.decrypts',
    'one pod with another salt key, of a version that shows nothing then',
    {
      fault: at('/credentials/by_name/keybuzz-salt', ({ pod: asked }) =>
        asked === 1 ? { json: { credential_values: { mark: null } } } : undefined,
      ),
    },
    'failed',
    /^litellm-2 cannot decrypt keybuzz-salt/,
  ],
  [
    'litellm.decrypts',
    'a pod that does not answer it',
    { fault: at('/credentials/by_name/keybuzz-salt', { status: 500, json: { error: 'no db' } }) },
    'failed',
    /^litellm-1 does not show keybuzz-salt, which is in the database: 500 .*no db/,
  ],
  [
    'litellm.decrypts',
    'LiteLLM without a pod',
    { pods: ready({}).slice(2) },
    'failed',
    /there is no pod of LiteLLM/,
  ],
  [
    'litellm.services',
    'a service that does not answer',
    {
      service: () => Promise.reject(new KitError('503 no endpoints', { exitCode: exitCodes.rolloutFailed })),
    },
    'failed',
    /embedder: 503 no endpoints/,
  ],
  [
    'qdrant.refusals',
    'a Qdrant without a key',
    { fault: at('/collections', { json: { result: { collections: [] } } }) },
    'failed',
    /no key and wrong key: 200 200/,
  ],
  [
    'qdrant.refusals',
    'a Qdrant that takes any key',
    {
      fault: at('/collections', ({ key }) =>
        key === '' ? undefined : { json: { result: { collections: [] } } },
      ),
    },
    'failed',
    /no key and wrong key: 401 200/,
  ],
  [
    'qdrant.search',
    'a search that finds nothing',
    { fault: ({ path }) => (path.endsWith('/query') ? { json: { result: { points: [] } } } : undefined) },
    'failed',
    /the search found \[\]/,
  ],
  [
    'qdrant.search',
    'a full volume',
    {
      fault: ({ path }) =>
        path.includes('/points?') ? { status: 500, json: { status: { error: 'No space left' } } } : undefined,
    },
    'failed',
    /write to Qdrant: 500.*No space left/,
  ],
  [
    'qdrant.search',
    'a pod of the checks that is away',
    { pods: ready({}).slice(0, 2) },
    'failed',
    /the pod of the checks is not ready/,
  ],
]

for (const [id, what, broken, result, evidence] of wrong) {
  test(`${id} sees ${what}`, async () => {
    if (id === 'litellm.decrypts') await saltOutcome({})
    const outcome = await outcomeOf(id, broken)
    assert.match(outcome.evidence, evidence)
    assert.equal(outcome.result, result)
  })
}

test('every check of module 15 has a test that makes it fail', () => {
  // Those of secrets in Vault are the same for every module: tests/unit/checks/vault-secrets.test.mts.
  const covered = new Set([...wrong.map(([id]) => id), 'llm.vault', 'llm.copies'])
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !covered.has(id)),
    [],
  )
})

test('a model that an administrator added is no stranger', async () => {
  const more = at('/v1/models', { json: { data: ['gpt-4o', 'local', 'added'].map((id) => ({ id })) } })
  const outcome = await outcomeOf('litellm.models', { fault: more, sql: { models: 'added' } })
  assert.equal(outcome.result, 'passed')
  assert.match(outcome.evidence, /2 of the file, 1 stored/)
})

test('the first stream of a pod comes all at once, while it loads code: a later one shows that nothing collects them', async () => {
  let cold = 2
  const atOnce = { type: 'text/event-stream', pieces: ['data: {}\n\ndata: [DONE]\n\n'] }
  const fault = at(chat, () => ((cold -= 1) >= 0 ? atOnce : undefined))
  const { result, evidence } = await outcomeOf('litellm.stream', { fault })
  assert.match(evidence, /^first piece \d+ ms before the last$/)
  assert.equal(result, 'passed')
})

test('a stream that one pod could not begin is asked again: after a rollout it may know the provider of before; all four fail', async () => {
  let away = 2
  const refused = { status: 500, json: {} }
  const once = at(chat, () => ((away -= 1) >= 0 ? refused : undefined))
  assert.equal((await outcomeOf('litellm.stream', { fault: once })).result, 'passed')
  const { result, evidence } = await outcomeOf('litellm.stream', { fault: at(chat, refused) })
  assert.deepEqual([result, evidence], ['failed', '500 {}'])
})

test('a limit another run has just used up is asked again in the next minute; never used up by nobody', async () => {
  const ended: string[] = []
  let isUsedUp = true
  const outcomeAfter = async (next: () => void) => {
    const check = createLimits(() => Promise.resolve(next()))
    const fault = at(chat, () => (isUsedUp ? { status: 429, json: {} } : undefined))
    const [outcome] = await runChecks([check], world.tools({ fault }))
    ended.push(`${outcome?.result}: ${outcome?.evidence}`)
  }
  await outcomeAfter(() => {})
  await outcomeAfter(() => (isUsedUp = false))
  assert.deepEqual(ended, [
    'failed: none of 6 answered in two minutes, so nothing shows who counts',
    'passed: 3 of 6 answered, 3 refused, on two pods',
  ])
})

/** The check of the salt key on a database without the kit's credential. */
async function saltOutcome(wrong: World, patience = { milliseconds: 0, every: 0 }): Promise<Outcome> {
  world.state.credentials.delete('keybuzz-salt')
  const [outcome] = await runChecks([createSalt(patience)], world.tools(wrong))
  assert.ok(outcome !== undefined)
  return outcome
}

test('the first check of the salt key stores the credential that later ones read; nothing else is written', async () => {
  const first = await saltOutcome({})
  assert.equal(
    `${first.result}: ${first.evidence}`,
    'passed: keybuzz-salt is stored now: later checks read it',
  )
  const stored = world.asked
    .filter(({ method }) => method !== 'GET')
    .map(({ path, body }) => ({ path, body }))
  assert.equal(stored.length, 1)
  assert.equal(stored[0]?.path, '/credentials')
  const later = await outcomeOf('litellm.decrypts', {})
  assert.equal(`${later.result}: ${later.evidence}`, 'passed: 2 pods decrypt keybuzz-salt')
  assert.ok(world.asked.every(({ method }) => method === 'GET'))
})

test('rows that are older than that credential are a warning with a way to try them', async () => {
  const { result, evidence, fix } = await saltOutcome({ sql: { stored: 3 } })
  assert.equal(result, 'warning')
  assert.match(evidence, /3 models and credentials are older/)
  assert.match(fix, /^send a request to one of the stored models/)
})

test('it is stored by another run meanwhile: no failure; it cannot be stored: one', async () => {
  const posted = (given: Given) => at('/credentials', ({ method }) => (method === 'POST' ? given : undefined))
  const meanwhile = await saltOutcome({ fault: posted({ status: 409, json: { error: 'already exists' } }) })
  assert.equal(meanwhile.result, 'passed')
  const { result, evidence } = await saltOutcome({
    fault: posted({ status: 500, json: { error: 'no table' } }),
  })
  assert.equal(result, 'failed')
  assert.match(evidence, /^store keybuzz-salt: 500 .*no table/)
})

test('a pod that has not read the credential yet is waited for, and not for ever', async () => {
  await saltOutcome({})
  let unread = 2
  const fault = at('/credentials/by_name', ({ pod: asked }) =>
    asked === 1 && (unread -= 1) >= 0 ? { status: 404, json: {} } : undefined,
  )
  const outcomeIn = async (milliseconds: number) =>
    (await runChecks([createSalt({ milliseconds, every: 1 })], world.tools({ fault })))[0]
  assert.equal((await outcomeIn(10_000))?.evidence, '2 pods decrypt keybuzz-salt')
  unread = Infinity
  assert.match(
    (await outcomeIn(0))?.evidence ?? '',
    /^litellm-2 does not show keybuzz-salt, which is in the database: 404/,
  )
})

test('a deleted key that the other pod still accepts: the check waits until it is forgotten, and then fails', async () => {
  let accepts = 2
  const fault = at(chat, ({ pod: asked, key }) =>
    asked === 1 && !world.state.keys.has(key) && (accepts -= 1) >= 0 ? answered : undefined,
  )
  const outcomeWithin = async (forgotten: number) =>
    (await runChecks([createVirtualKey(forgotten)], world.tools({ fault })))[0]
  const waited = await outcomeWithin(20_000)
  assert.match(waited?.evidence ?? '', /then deleted: 401 on both$/)
  accepts = Infinity
  const given = await outcomeWithin(0)
  assert.equal(given?.result, 'failed')
  assert.match(given.evidence, /^deleted, and after 0 s still answered 200 by the other pod$/)
})

test('where the admin interface is published, health and interface are served; metrics ask for a key', async () => {
  const open = ({ path }: Asked): Given | undefined =>
    path === '/metrics' ? { status: 401, json: { error: 'no key' } } : { json: { db: 'connected' } }
  const { result, evidence } = await outcomeOf('litellm.hidden', {
    more: { LITELLM_ADMIN_UI: 'true' },
    fault: open,
  })
  assert.equal(`${result}: ${evidence}`, 'passed: /metrics are not served')
})

test('litellm.key deletes its key, also when it fails', async () => {
  await outcomeOf('litellm.key', { fault: at(chat, { status: 500, json: {} }) })
  assert.equal(world.state.keys.size, 0)
})

test('qdrant.search removes what killed runs left, and nothing of others', async () => {
  world.state.collections.set('keybuzz-check-old', [])
  world.state.collections.set('documents', [])
  await outcomeOf('qdrant.search', {})
  assert.deepEqual([...world.state.collections.keys()], ['documents'])
  world.state.collections.clear()
})

test('requests go to both pods in turn, each at its own address', async () => {
  await outcomeOf('litellm.limits', {})
  assert.deepEqual(
    world.asked.map((one) => one.pod),
    [0, 1, 0, 1, 0, 1],
  )
})

test('the service that does not answer is the one whose log is to be read', async () => {
  const away = () => Promise.reject(new KitError('503', { exitCode: exitCodes.rolloutFailed }))
  const { fix } = await outcomeOf('litellm.services', { service: away })
  assert.match(fix, / logs deployment\/embedder;/)
})
