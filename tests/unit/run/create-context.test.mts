import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { validationFolder } from '../../../lib/base/files.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { fingerprintBy } from '../../../lib/state/kept-keys.mts'
import { createContext, readersOf } from '../../../lib/run/create-context.mts'
import { isKnownByNodes } from '../../../lib/run/modules.mts'
import type { Session } from '../../../lib/run/session.mts'
import { createGates } from '../../../lib/run/write-gates.mts'
import { watchesValidations } from '../../../lib/state/validation-time.mts'
import { modules } from '../../../scripts/modules.mjs'
import { freePort } from '../free-port.mts'

test('what a check gets cannot write: neither objects, nor databases, nor a bucket’s files', () => {
  const anything = new Proxy({}, { get: () => () => undefined })
  const sources = { settings: {}, kubectl: anything, http: anything }
  const backends = { postgres: anything, redis: anything, s3: anything }
  const { kube, postgres, redis, s3 } = readersOf({ ...sources, backends } as never)
  assert.deepEqual(Object.keys(kube).toSorted(), [
    'get',
    'list',
    'postTo',
    'raw',
    'runIn',
    'tokenOf',
    'wouldCreate',
  ])
  assert.deepEqual(Object.keys(postgres).toSorted(), ['findText', 'majorVersion'])
  assert.deepEqual(Object.keys(redis), ['evictionPolicy'])
  assert.deepEqual(Object.keys(s3), ['roundTrip'])
})

test('a check posts to what is behind a pod or Service alone, never to the API server’s objects', async () => {
  const posted: string[] = []
  const post = (path: string) => Promise.resolve(void posted.push(path))
  const sources = { settings: {}, kubectl: { api: { post } }, http: {}, backends: {} }
  const { kube } = readersOf(sources as never)
  const right = '/api/v1/namespaces/a/services/web:80/proxy/login'
  await kube.postTo(right, {})
  for (const path of [
    '/api/v1/namespaces/a/secrets',
    '/api/v1/namespaces/a/services/web:80/proxy',
    '/api/v1/namespaces/a/services/web/proxy/../../../secrets',
    '/apis/apps/v1/namespaces/a/deployments',
    '/api/v1/nodes/a/proxy/run',
  ])
    await assert.rejects(kube.postTo(path, {}), /is not behind a pod or Service/)
  assert.deepEqual(posted, [right])
})

test('one module alone is known by the cluster’s nodes, whatever the scope of the others', () => {
  assert.deepEqual(
    modules.filter(({ number }) => isKnownByNodes(number)).map(({ number }) => number),
    [9],
  )
})

test('step 00 alone saves no defaults over what was lost: exit 5 before a file is written', async () => {
  let saved = 0
  const lost = [{ setting: { key: 'SHOP_HOST', kind: 'text' }, before: 'shop.example.com', now: undefined }]
  const session = {
    module: { number: 20, slug: 'shop', title: 'Shop', shared: [], settings: [] },
    env: 'dev',
    answers: { canAsk: false },
    writes: { planning: false },
    inputs: { lost: () => lost, ensure: () => Promise.resolve(void (saved += 1)) },
    opened: {
      kube: { objects: () => Promise.resolve([]) },
      look: { namespaces: [] },
      revisions: { current: { number: 4, madeWith: { values: {}, secrets: [] } } },
    },
  } as unknown as Session<never>
  const { credentials } = createContext(session, { id: '00_setup_credentials' }) as unknown as {
    credentials: { ensure: () => Promise<void> }
  }
  await assert.rejects(credentials.ensure(), { exitCode: 5 })
  assert.equal(saved, 0)
})

test('a run knows which live keys no validated revision ran with, by the fingerprints of revisions', async () => {
  const checksumKey = sensitive('checksum-key-of-the-cluster-0001')
  const live = { SHOP_KEY: 'of-the-failed-start', SHOP_SALT: 'of-the-validated-one' }
  const kept = (values: object) => ({
    values: {},
    secrets: Object.keys(values),
    kept: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, fingerprintBy(checksumKey)(String(value))]),
    ),
  })
  const secret = {
    kind: 'Secret',
    metadata: { name: 'shop', namespace: 'shop', creationTimestamp: '2026-11-23T09:00:00Z' },
    data: Object.fromEntries(Object.entries(live).map(([key, value]) => [key, btoa(value)])),
  }
  const validated = {
    state: 'validated',
    when: '2026-11-23T10:00:00Z',
    madeWith: kept({ ...live, SHOP_KEY: 'the-original-one' }),
  }
  const failed = { state: 'pending', when: '2026-11-24T10:00:00Z', madeWith: kept(live) }
  let unproven: ReadonlySet<string> | undefined
  const session = {
    module: { number: 20, slug: 'shop', title: 'Shop', shared: [], settings: [] },
    env: 'dev',
    writes: { planning: false },
    inputs: {
      lost: () => [],
      ensure: (...words: unknown[]) => Promise.resolve(void (unproven = words[3] as ReadonlySet<string>)),
    },
    opened: {
      checksumKey: { value: checksumKey },
      kube: { objects: () => Promise.resolve([secret]) },
      look: {
        namespaces: [{ metadata: { name: 'shop', labels: { 'app.kubernetes.io/managed-by': 'keybuzz' } } }],
      },
      revisions: { current: failed, all: [validated, failed] },
    },
  } as unknown as Session<never>
  const { credentials } = createContext(session, { id: '00_setup_credentials' }) as unknown as {
    credentials: { ensure: () => Promise<void> }
  }
  await credentials.ensure()
  assert.deepEqual([...(unproven ?? [])], ['SHOP_KEY'])
})

test('the first write of a revision comes after the lock, the key of checksums and the revision; a repair needs the lock alone', async () => {
  const done: string[] = []
  const note = (what: string) => () => Promise.resolve(void done.push(what))
  const opened = {
    mayWrite: note('lock'),
    checksumKey: { save: note('key') },
    revisions: { begin: note('revision') },
  }
  const gatesOf = (verb: string) =>
    createGates({ verb, plan: false } as never, note('permit'), () => opened as never)
  await gatesOf('install').writes.make([], note('write'))
  assert.deepEqual(done.splice(0), ['lock', 'key', 'revision', 'write'])
  await gatesOf('uninstall').writes.make([], note('write'))
  assert.deepEqual(done.splice(0), ['lock', 'revision', 'write'])
  await gatesOf('install').repairs.make([], note('write'))
  assert.deepEqual(done.splice(0), ['lock', 'write'])
  // On hosts an uninstall saves the cluster first: where that fails, nothing was begun.
  await gatesOf('uninstall').onHosts.make([], note('write'))
  assert.deepEqual(done.splice(0), ['lock', 'write'])
  await gatesOf('install').onHosts.make([], note('write'))
  assert.deepEqual(done.splice(0), ['lock', 'key', 'revision', 'write'])
  const planned = createGates({ verb: 'uninstall', plan: true } as never, note('permit'), () => undefined)
  assert.equal(planned.onHosts, planned.writes)
})

test('that every check passed is recorded for the alerts after the report, by the gate of repairs; a failed check is not', async (context) => {
  const env = 'unit-validation-time'
  const path = `${validationFolder(env)}/MODULE20_VALIDATION.md`
  context.after(() => rmSync(validationFolder(env), { recursive: true, force: true }))
  const written: string[] = []
  const manifests = [{ kind: 'A', metadata: { annotations: { [watchesValidations]: 'true' } } }]
  const revision = { module: '20_shop', env, state: 'validated', manifests: [] }
  const watching = { ...revision, module: '09_k3s', manifests }
  const sessionOf = (known: readonly object[]) => {
    const opened = {
      cluster: { name: 'a', kubectl: { api: {} } },
      kube: { reader: {}, recorded: () => Promise.resolve([]), manifests: [] },
      revisions: { current: revision, tested: () => Promise.resolve() },
      known,
      lock: { acquire: () => Promise.resolve() },
      look: { kubernetes: [] },
    }
    return {
      module: { number: 20, slug: 'shop', title: 'Shop', shared: [], settings: [], images: [] },
      env,
      inputs: { current: () => ({ ENV: env }) },
      options: { verb: 'verify' },
      writes: { planning: false },
      repairs: {
        make: ([{ what }]: [{ what: string }]) => {
          written.push(what)
          return existsSync(path) ? Promise.resolve() : assert.fail('there is no report yet')
        },
      },
      versions: {},
      ownVersions: [],
      chosen: () => ({ images: {} }),
      policies: () => ({ off: 'none' }),
      reporter: { warnings: [] },
      backends: () => ({}),
      opened,
      requireOpened: () => opened,
    }
  }
  const run = (known: readonly object[], right: boolean) => {
    const answer = { result: right ? 'passed' : 'failed', evidence: 'seen' }
    const checks = [{ id: 'shop.a', title: 'A', fix: 'none', ask: () => Promise.resolve(answer) }]
    const { tests } = createContext(sessionOf(known) as never, { id: '03_tests' })
    return tests.run(
      () => Promise.resolve({ checks: checks as never }),
      () => Promise.resolve({ drills: [] }),
    )
  }
  await run([watching], true)
  assert.deepEqual(written, ['Lease keybuzz-system/validated-20-shop-unit-validation-time'])
  await assert.rejects(run([watching], false), { exitCode: 10 })
  // Nothing watches this cluster.
  await run([], true)
  assert.equal(written.length, 1)
})

test('a step has the images proven that only its settings name, with those of the module', async () => {
  const said: string[] = []
  const say = (text: string) => void said.push(text)
  // Nothing listens there.
  const own = `127.0.0.1:${await freePort()}/own:1`
  const node = {
    metadata: { name: 'one' },
    spec: {},
    status: {
      images: [{ names: ['docker.io/library/known:1'] }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  }
  const session = {
    module: {},
    inputs: { current: () => ({ ENV: 'dev' }) },
    writes: {},
    versions: {},
    chosen: () => ({ images: { known: 'docker.io/library/known:1' } }),
    requireOpened: () => ({ look: { nodes: [node] } }),
    reporter: { reporter: { warn: say, ok: say } },
  }
  await createContext(session as never, { id: '01_deploy' }).pulls.require([own])
  assert.match(said[0] ?? '', new RegExp(`^${own} is on 0 of 1 nodes`))
  assert.match(said[1] ?? '', /^docker\.io\/library\/known:1 can be pulled$/)
})

test('step 00 has a size that the cluster refuses judged before it is saved', async () => {
  const claim = { spec: { resources: { requests: { storage: '10Gi' } } } }
  const volume = { namespace: 'shop', claim: 'data', setting: 'SHOP_SIZE', size: '5Gi', textOf: String }
  const session = {
    module: { number: 20, slug: 'shop', title: 'Shop', shared: [], settings: [], volumes: () => [volume] },
    env: 'dev',
    writes: { planning: false },
    inputs: {
      lost: () => [],
      ensure: (...words: unknown[]) => (words[4] as (settings: object) => Promise<void>)({}),
    },
    opened: {
      checksumKey: { value: sensitive('checksum-key-of-the-cluster-0001') },
      kube: { objects: () => Promise.resolve([]), reader: { get: () => Promise.resolve(claim) } },
      look: { namespaces: [] },
      revisions: { all: [] },
    },
  } as unknown as Session<never>
  const { credentials } = createContext(session, { id: '00_setup_credentials' }) as unknown as {
    credentials: { ensure: () => Promise<void> }
  }
  await assert.rejects(credentials.ensure(), { exitCode: 5, message: /^SHOP_SIZE says 5Gi/ })
})
