import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createContext, readersOf } from '../../../lib/run/create-context.mts'
import { isKnownByNodes } from '../../../lib/run/modules.mts'
import { createGates, type Session } from '../../../lib/run/session.mts'
import { modules } from '../../../scripts/modules.mjs'

test('what a check gets cannot write: neither objects, nor databases, nor a bucket’s files', () => {
  const anything = new Proxy({}, { get: () => () => undefined })
  const sources = { settings: {}, kubectl: anything, http: anything }
  const backends = { postgres: anything, redis: anything, s3: anything }
  const { kube, postgres, redis, s3 } = readersOf({ ...sources, backends } as never)
  assert.deepEqual(Object.keys(kube).toSorted(), ['get', 'list', 'raw', 'runIn'])
  assert.deepEqual(Object.keys(postgres).toSorted(), ['findText', 'majorVersion'])
  assert.deepEqual(Object.keys(redis), ['evictionPolicy'])
  assert.deepEqual(Object.keys(s3), ['roundTrip'])
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
})
