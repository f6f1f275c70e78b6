import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { failed, passed, warning, type Answer, type Check } from '../../../lib/checks/checks.mts'
import { crashAnswer, settledCrashes } from '../../../lib/checks/crashes.mts'
import { runTests, type ReportFacts } from '../../../lib/checks/tests.mts'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { validationFolder } from '../../../lib/base/files.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'

const env = 'causes-test'
const check = (id: string, fix: string, ask: () => Promise<Answer>): Check => ({
  id,
  title: `Title ${id}`,
  fix,
  ask,
})

/** Runs these checks as a module's tests. @returns the error, and the report as Markdown */
async function tested(checks: Check[], causes: KitError[]): Promise<{ error: KitError; report: string }> {
  const module = { number: 12, slug: 'n8n', title: 'n8n workflows', shared: [], settings: [] }
  const facts: ReportFacts = {
    env,
    cluster: 'kb',
    revision: 1,
    kit: '0',
    warnings: [],
    kubernetes: [],
    makesCluster: false,
    ownVersions: [],
    files: [],
    images: [],
    access: [],
    notProven: [],
    drilled: {},
  }
  try {
    await runTests(module, {
      checks,
      drills: [],
      tools: { settings: { ENV: env } } as never,
      breaking: undefined,
      beginDrill: () => Promise.resolve(),
      causes: () => Promise.resolve(causes),
      keep: () => Promise.resolve(),
      facts: () => facts,
    })
    assert.fail('it passes')
  } catch (thrown) {
    assert.ok(thrown instanceof KitError, String(thrown))
    const text = readFileSync(`${validationFolder(env)}/MODULE12_VALIDATION.md`, 'utf8')
    return { error: thrown, report: text }
  } finally {
    rmSync(validationFolder(env), { recursive: true, force: true })
  }
}

test('what the checks found is kept when no drill may begin', async () => {
  const kept: unknown[] = []
  const preflight = new KitError('a node is not Ready', { exitCode: exitCodes.preflight })
  const run = runTests(
    { number: 12, slug: 'n8n', title: 'n8n workflows', shared: [], settings: [] },
    {
      checks: [check('a', 'fix', () => Promise.resolve(passed('well')))],
      drills: [
        {
          id: 'drill',
          title: 'Drill',
          fix: 'fix',
          require: () => Promise.reject(preflight),
          run: () => Promise.resolve(passed('not run')),
        },
      ],
      tools: { settings: { ENV: env } } as never,
      breaking: {} as never,
      beginDrill: () => Promise.resolve(),
      causes: () => Promise.resolve([]),
      keep: (found) => Promise.resolve(void kept.push(found)),
      facts: () => assert.fail('no report is written'),
    },
  )
  await assert.rejects(run, preflight)
  assert.deepEqual(kept, [{ checks: 1, failed: 0, drilled: 0, proven: [] }])
})

const refusing = () =>
  new KitError('PostgreSQL 192.0.2.10:5432 refuses the password of n8n', {
    exitCode: exitCodes.denied,
    hint: 'correct the password of n8n',
  })

test('a backend that refuses is told first, once, with its own fix; what it hides is not asked', async () => {
  const { error, report } = await tested(
    [
      check('n8n.webhook', 'no worker takes jobs', () => Promise.resolve(failed('503'))),
      check('n8n.eviction', 'redis-cli CONFIG SET', () => Promise.resolve(passed('noeviction'))),
      check('n8n.owner', 'take the Ingress away', () =>
        Promise.reject(new KitError('503 Service Unavailable', { exitCode: exitCodes.validationFailed })),
      ),
    ],
    [refusing()],
  )
  const text = error.details.join('\n')
  assert.match(
    error.details[0] ?? '',
    /^✗ The backends of the application answer .*refuses the password of n8n$/,
  )
  assert.match(error.details[1] ?? '', /fix: correct the password of n8n$/)
  assert.match(text, /not asked, because of that: n8n\.webhook, n8n\.owner$/m)
  assert.doesNotMatch(text, /no worker takes jobs|take the Ingress away/)
  assert.match(
    report,
    /\| - \| Title n8n\.webhook \(n8n\.webhook\) \| not asked: PostgreSQL .*; seen: 503 \|/,
  )
  assert.ok(report.indexOf('(backends)') < report.indexOf('(n8n.webhook)'))
})

test('a check that met the cause itself tells it, and has its hint in place of its own fix', async () => {
  const { error } = await tested(
    [
      check('n8n.postgres', 'plan the move to 16', () => Promise.reject(refusing())),
      check('n8n.role', 'ALTER ROLE', () => Promise.reject(refusing())),
    ],
    [refusing()],
  )
  assert.deepEqual(error.details, [
    '✗ Title n8n.postgres (n8n.postgres): PostgreSQL 192.0.2.10:5432 refuses the password of n8n',
    '    fix: correct the password of n8n',
    'not asked, because of that: n8n.role',
  ])
})

test('failures with causes of their own stay: two of them are told, and none is hidden by chance', async () => {
  const dns = new KitError('n8n.example.com: the name is not known to DNS', {
    exitCode: exitCodes.unreachable,
    hint: 'create the DNS record',
  })
  const { error } = await tested(
    [
      check('a', 'fix a', () => Promise.reject(dns)),
      check('b', 'fix b', () => Promise.resolve(failed('one pod'))),
      check('c', 'fix c', () => Promise.reject(dns)),
    ],
    [],
  )
  const text = error.details.join('\n')
  assert.match(text, /fix: create the DNS record/)
  assert.match(text, /fix: fix b/)
  assert.match(text, /not asked, because of that: c$/m)
})

test('no fix has a word that stands for something', async () => {
  const { error } = await tested(
    [
      check('a', 'kubectl -n NAMESPACE logs POD: x', () => Promise.resolve(failed('y', { POD: 'n8n-1' }))),
      check('b', 'kubectl -n NAMESPACE logs POD --previous', () => Promise.resolve(failed('z'))),
    ],
    [],
  )
  const text = error.details.join('\n')
  assert.match(text, /fix: kubectl -n n8n-causes-test logs n8n-1: x/)
  assert.match(
    text,
    /fix: kubectl -n n8n-causes-test logs --selector app\.kubernetes\.io\/name=n8n --previous/,
  )
})

const now = Date.parse('2026-11-29T12:00:00Z')

/** A pod whose container ended so many seconds ago. */
const ended = (secondsAgo: number, reason: string, ready: boolean, at = now): LiveObject =>
  ({
    metadata: { name: 'n8n-1' },
    status: {
      containerStatuses: [
        {
          name: 'n8n',
          ready,
          restartCount: 1,
          lastState: { terminated: { reason, finishedAt: new Date(at - secondsAgo * 1000).toISOString() } },
        },
      ],
    },
  }) as unknown as LiveObject

test('crashes are told from restarts of the node, and from those that are over', () => {
  assert.deepEqual(
    crashAnswer([ended(300, 'Error', true)], now),
    warning('n8n-1/n8n Error; ready since then: told until 12:05 UTC'),
  )
  assert.equal(crashAnswer([ended(300, 'Unknown', true)], now).result, 'passed')
  assert.equal(crashAnswer([ended(700, 'Error', true)], now).result, 'passed')
  const loop = crashAnswer([ended(300, 'Error', false)], now)
  assert.equal(loop.result, 'failed')
  assert.equal(loop.places?.POD, 'n8n-1 --container n8n')
  assert.equal(crashAnswer([ended(20, 'OOMKilled', true)], now).result, 'failed')
})

test('a container that is ready again after a crash is given its minute, then judged anew', async () => {
  let read = 0
  const after = (ready: boolean) => () => {
    read += 1
    return Promise.resolve([ended(61, 'Error', ready, Date.now())])
  }
  const young = () => [ended(59, 'Error', true, Date.now())]
  assert.equal((await settledCrashes(young(), after(true))).result, 'warning')
  assert.equal((await settledCrashes(young(), after(false))).result, 'failed')
  assert.equal(read, 2)
  assert.equal((await settledCrashes([ended(5, 'Error', false, Date.now())], after(true))).result, 'failed')
  assert.equal(read, 2, 'what is not ready is not waited for')
})
