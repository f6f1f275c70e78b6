import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, beforeEach, test, type TestContext } from 'node:test'
import { root } from '../../../lib/base/files.mts'
import type { Schema } from '../../../lib/run/module.mts'
import type { Session } from '../../../lib/run/session.mts'
import { requireSameSchema } from '../../../lib/verbs/schema.mts'
import { announceUpgrade } from '../../../lib/verbs/upgrade.mts'
import { revisionOf } from '../state/revisions.mts'

// An upgrade of a module that names its dump, and the refusal of a rollback across a migration. The database is a
// stand-in, the dump a file.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-upgrade-'))
const path = join(folder, 'shop.dump')
const dump = relative(root, path)
after(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(path, { force: true }))

const hour = 3_600_000
const dumped = (madeAt: Date, content = 'PGDMP and more'): void => {
  writeFileSync(path, content)
  utimesSync(path, madeAt, madeAt)
}

const first = revisionOf({ number: 1, state: 'validated', schema: 'one', when: '2026-11-20T08:00:00Z' })
const second = revisionOf({ number: 2, state: 'validated', schema: 'two', when: '2026-11-25T08:00:00Z' })

interface World {
  readonly schema?: Partial<Schema>
  readonly plan?: boolean
  readonly all?: readonly ReturnType<typeof revisionOf>[]
  /** What is installed, and what versions.json has. */
  readonly from?: string
  readonly to?: string
}

const sessionOf = ({ schema, plan = false, all = [first], from, to }: World = {}) =>
  ({
    env: 'staging',
    module: {
      number: 20,
      slug: 'shop',
      title: 'Shop',
      schema: () => ({ backup: ['pg_dump shop'], restore: ['pg_restore shop'], dump, ...schema }),
    },
    options: { upgrade: true, plan },
    versions: { shop: { version: '1.1.0' } },
    chosen: () => ({ newer: [{ name: 'shop', from: from ?? 'shop:1.0.0', to: to ?? 'shop:1.1.0' }] }),
    inputs: { current: () => ({}) },
    answers: { yes: true, canAsk: false, confirm: [] },
    backends: () => ({ postgres: { findText: () => Promise.resolve('two') } }),
    requireOpened: () => ({ revisions: { all, current: all.at(-1) } }),
  }) as unknown as Session<never>

/** What an upgrade says before its first write. */
async function announced({ mock }: TestContext, world?: World): Promise<string> {
  const said: string[] = []
  const err = mock.method(process.stderr, 'write', (text: unknown) => Boolean(said.push(String(text))))
  try {
    await announceUpgrade(sessionOf(world))
  } finally {
    err.mock.restore()
  }
  return said.join('')
}

test('an upgrade is refused without its dump, with an empty one, and with yesterday’s: exit 3', async (t) => {
  const refused = (message: RegExp) =>
    assert.rejects(announced(t), (thrown: Error & { exitCode: number; details: string[]; hint: string }) => {
      assert.equal(thrown.exitCode, 3)
      assert.match(thrown.message, message)
      assert.match(thrown.details.join('\n'), /Nothing was written[^]*\n {4}pg_dump shop/)
      assert.match(thrown.hint, /make the dump, then .*--module 20 --env staging --upgrade/)
      return true
    })
  await refused(/shop\.dump is not there/)
  dumped(new Date(), '')
  await refused(/shop\.dump is empty/)
  dumped(new Date(Date.now() - 25 * hour))
  await refused(/shop\.dump was made .* UTC, over 24 hours ago/)
})

test('with its dump an upgrade goes on, and says of when it is', async (t) => {
  const madeAt = new Date(Date.now() - hour)
  dumped(madeAt)
  const at = madeAt.toISOString().slice(0, 16).replace('T', ' ')
  assert.match(await announced(t), new RegExp(`Dump {6}.*shop\\.dump, 14 bytes, made ${at} UTC`))
})

test('a failed upgrade goes on with the dump it began with, however long ago', async (t) => {
  const when = '2026-11-25T08:00:00Z'
  const of = (image: string) =>
    revisionOf({ number: 2, state: 'pending', schema: 'one', when, images: { shop: image } })
  dumped(new Date('2026-11-25T07:00:00Z'))
  const forward = (image: string) => ({ schema: { database: {} as never }, all: [first, of(image)] })
  assert.match(await announced(t, forward('shop:1.1.0')), /made 2026-11-25 07:00 UTC/)
  // An install that was ended is no upgrade.
  await assert.rejects(announced(t, forward('shop:1.0.0')), { exitCode: 3 })
})

test('a plan asks for none; nor does a module that names none', async (t) => {
  assert.doesNotMatch(await announced(t, { plan: true }), /Dump/)
  const { schema } = sessionOf().module as unknown as { schema: () => Schema }
  const { dump: _none, ...without } = schema()
  const session = sessionOf() as unknown as { module: { schema: () => unknown } }
  session.module.schema = () => without
  await announceUpgrade(session as unknown as Session<never>)
})

test('with digests an upgrade is compared by tag or by the version of versions.json; else it says that it is not', async (t) => {
  dumped(new Date())
  const digest = (digit: string) => `@sha256:${digit.repeat(64)}`
  const goesBack = { exitCode: 5, message: /^shop would go back from/ }
  await assert.rejects(
    announced(t, { from: `shop:1.2.0${digest('a')}`, to: `shop:1.1.0${digest('b')}` }),
    goesBack,
  )
  await assert.rejects(announced(t, { from: `shop:1.2.0${digest('a')}`, to: `shop${digest('b')}` }), goesBack)
  const words = /tells no version: whether shop .* is older was not compared/
  assert.doesNotMatch(await announced(t, { from: 'shop:1.0.0', to: `shop${digest('b')}` }), words)
  const said = await announced(t, { from: `shop${digest('a')}`, to: `shop:1.1.0${digest('b')}` })
  assert.match(said, words)
  assert.match(said, /Dump /)
  // Back to what ran before an upgrade that failed.
  const ran = `shop${digest('a')}`
  const pending = revisionOf({ number: 2, state: 'pending', schema: 'two', images: { shop: 'shop:1.1.0' } })
  const all = [revisionOf({ state: 'validated', schema: 'two', images: { shop: ran } }), pending]
  const schema = { database: {} as never }
  assert.doesNotMatch(await announced(t, { schema, all, from: 'shop:1.1.0', to: ran }), words)
})

/** The lines of a refused rollback to revision 1. */
async function refusal(all = [first, second]): Promise<string> {
  try {
    await requireSameSchema(sessionOf({ all }), first)
  } catch (thrown) {
    const { exitCode, details } = thrown as { exitCode: number; details: string[] }
    assert.equal(exitCode, 5)
    return details.join('\n')
  }
  return assert.fail('not refused')
}

test('a rollback across a migration says from before when the dump must be, and of when the one there is', async () => {
  const wanted =
    'The way back is a dump made before 2026-11-25 08:00 UTC, when revision 2 moved the schema:\n    pg_restore shop'
  assert.ok((await refusal()).endsWith(`shop.dump is not there\n${wanted}`))
  dumped(new Date('2026-11-25T07:30:00Z'))
  assert.ok((await refusal()).endsWith(`shop.dump was made 2026-11-25 07:30 UTC\n${wanted}`))
  dumped(new Date('2026-11-26T07:30:00Z'))
  assert.match(await refusal(), /made 2026-11-26 07:30 UTC: after that, look for an earlier one/)
})

test('the revision that moved the schema is named: not one that left it, nor an uninstall', async () => {
  const { schema: _none, ...uninstalled } = revisionOf({
    number: 3,
    state: 'uninstalled',
    when: '2026-11-24T08:00:00Z',
  })
  const same = { ...first, number: 2, when: '2026-11-22T08:00:00Z' }
  assert.match(
    await refusal([first, same, uninstalled, { ...second, number: 4 }]),
    /when revision 4 moved the schema/,
  )
  const pending = revisionOf({ number: 2, state: 'pending', schema: 'one', when: '2026-11-25T08:00:00Z' })
  assert.match(await refusal([first, pending]), /made before 2026-11-25 08:00 UTC, when revision 2 moved/)
})
