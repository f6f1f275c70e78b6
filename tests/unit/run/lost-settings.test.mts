import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { prompt } from '../../../lib/base/prompt.mts'
import { openInputs } from '../../../lib/run/inputs.mts'
import { requireKeptSettings } from '../../../lib/run/lost-settings.mts'
import type { Session } from '../../../lib/run/session.mts'
import type { RecordedSettings } from '../../../lib/settings/recorded.mts'
import type { Setting } from '../../../lib/settings/settings.mts'

// The settings files here are real ones, in a folder of their own below credentials/.
const env = `lost-${process.pid}`.slice(0, 20)
const folder = credentialsFolder(env)
after(() => rmSync(folder, { recursive: true, force: true }))

const settings: readonly Setting[] = [
  { key: 'SHOP_PROXIES', title: 'Proxies', kind: 'text', optional: true },
  { key: 'SHOP_LIMIT', title: 'Limit', kind: 'number', default: '10' },
  { key: 'SHOP_KEY', title: 'Key', kind: 'sensitive', generate: () => 'generated-anew-1' },
]
const shop = {
  number: 20,
  slug: 'shop',
  title: 'Shop',
  scope: 'environment',
  images: [],
  shared: [],
  settings,
}

/** A run with this content of its settings file, whose last revision was made with `record`. */
async function runWith(
  file: string,
  record: RecordedSettings | undefined,
  { planning = false, live = {} } = {},
) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, '20_shop.env'), file, { mode: 0o600 })
  const options = { set: [], plan: planning, verb: 'install', noInput: true }
  const inputs = await openInputs(shop as never, env, options as never)
  const secret = {
    kind: 'Secret',
    metadata: { name: 'shop', namespace: 'shop' },
    data: Object.fromEntries(Object.entries(live).map(([key, value]) => [key, btoa(String(value))])),
  }
  const namespace = { metadata: { name: 'shop', labels: { 'app.kubernetes.io/managed-by': 'keybuzz' } } }
  const notes: { what: string; fields?: readonly string[] }[] = []
  const session = {
    module: shop,
    env,
    inputs,
    answers: { canAsk: false },
    writes: { planning, note: (one: (typeof notes)[number]) => notes.push(one) },
    opened: {
      kube: { objects: () => Promise.resolve([secret]) },
      look: { namespaces: [namespace] },
      revisions: { current: { number: 4, ...(record === undefined ? {} : { madeWith: record }) } },
    },
  } as unknown as Session<never>
  return { inputs, session, notes }
}

const record = { values: { SHOP_PROXIES: '192.0.2.1', SHOP_LIMIT: '30' }, secrets: ['SHOP_KEY'] }

test('lost settings end a run without a terminal: exit 5 with each line of the file, and a command that saves them', async () => {
  const { session } = await runWith("SHOP_KEY='the-secret-key'\n", record)
  await assert.rejects(requireKeptSettings(session), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    assert.match(thrown.message, /^2 settings of 20 Shop that revision 4 was made with/)
    assert.equal(
      thrown.details[0],
      `SHOP_PROXIES='192.0.2.1'   credentials/${env}/20_shop.env; without it: not set`,
    )
    assert.match(thrown.details[1] ?? '', /^SHOP_LIMIT='30' .* without it: '10'$/)
    assert.match(
      thrown.hint ?? '',
      /--module 20 --env \S+ --set SHOP_PROXIES=192\.0\.2\.1 --set SHOP_LIMIT=30$/,
    )
    return true
  })
})

test('a secret nobody has any more is named before another one is generated; one that is live is adopted', async () => {
  const kept = "SHOP_PROXIES=''\nSHOP_LIMIT='40'\n"
  const { session } = await runWith(kept, record)
  await assert.rejects(requireKeptSettings(session), /^KitError: 1 settings of 20 Shop/)
  const adopted = await runWith(kept, record, { live: { SHOP_KEY: 'the-secret-key' } })
  assert.equal(await requireKeptSettings(adopted.session), false)
})

test('on a terminal it is asked once: the values are taken again, or the run goes on without them', async (context) => {
  for (const [choice, values] of [
    ['again', record.values],
    ['without', {}],
  ] as const) {
    const { inputs, session } = await runWith("SHOP_KEY='the-secret-key'\n", record)
    Object.assign(session.answers, { canAsk: true })
    let screen = ''
    const ask = context.mock.method(prompt, 'choose', () => Promise.resolve(choice))
    context.mock.method(process.stderr, 'write', (text: string) => Boolean((screen += text)))
    const results = [await requireKeptSettings(session), await requireKeptSettings(session)]
    context.mock.restoreAll()
    assert.equal(ask.mock.callCount(), 1)
    assert.match(screen, /SHOP_PROXIES='192\.0\.2\.1'/)
    assert.deepEqual(results, [choice === 'again', false])
    assert.deepEqual(inputs.record().values, values)
  }
})

test('--plan notes what is lost, once; a revision of an older kit is compared with nothing', async () => {
  const { session, notes } = await runWith("SHOP_KEY='the-secret-key'\n", record, { planning: true })
  await requireKeptSettings(session)
  await requireKeptSettings(session)
  assert.deepEqual(
    notes.map(({ fields }) => fields?.length),
    [2],
  )
  const older = await runWith('', undefined)
  assert.equal(await requireKeptSettings(older.session), false)
})

test('values taken again are those of the run; what a step saved as a default in between is still known as lost', async () => {
  const { inputs } = await runWith("SHOP_KEY='the-secret-key'\n", record)
  await inputs.ensure({}, () => Promise.resolve())
  const lost = inputs.lost(record, {})
  assert.deepEqual(
    lost.map(({ setting, now }) => `${setting.key} ${now}`),
    ['SHOP_PROXIES undefined', 'SHOP_LIMIT 10'],
  )
  inputs.restore(lost)
  assert.deepEqual(inputs.lost(record, {}), [])
  await inputs.keep({}, () => Promise.resolve())
  assert.deepEqual(inputs.record().values, record.values)
})

test('a key of the file is saved over a live one that no validated revision ran with, and its fingerprint recorded', async () => {
  const [key] = settings.filter(({ key: name }) => name === 'SHOP_KEY')
  const kept = { ...shop, settings: [{ ...key, keep: true }] }
  await runWith("SHOP_KEY='the-original-key'\n", undefined)
  const inputs = await openInputs(kept as never, env, { set: [], verb: 'install', noInput: true } as never)
  const [live, hold] = [{ SHOP_KEY: 'of-a-failed-start' }, () => Promise.resolve()]
  await assert.rejects(inputs.ensure(live, hold, undefined, new Set()), { exitCode: exitCodes.conflict })
  await inputs.ensure(live, hold, undefined, new Set(['SHOP_KEY']))
  const { SHOP_KEY: used } = inputs.current() as unknown as Record<string, { reveal(): string }>
  assert.equal(used?.reveal(), 'the-original-key')
  assert.deepEqual(inputs.record((secret) => `of ${secret}`).kept, { SHOP_KEY: 'of the-original-key' })
})
