import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { keptRender } from '../../../lib/kube/kept-renders.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-renders-'))
after(() => rmSync(folder, { recursive: true }))

const record = (place: number) => join(folder, `${place}.json`)
const isText = (kept: unknown) => typeof kept === 'string'

let made = 0
const render = (from: unknown) => keptRender(from, () => Promise.resolve(`${(made += 1)}`), isText, record)

test('a render is kept for what it was made from, in few files of this user', async () => {
  assert.deepEqual([await render({ a: 1 }), await render({ a: 1 }), await render({ a: 2 })], ['1', '1', '2'])
  for (let at = 0; at < 100; at += 1) await render({ at })
  assert.ok(readdirSync(folder).length <= 16)
  for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
})

test('what is no record of this render, or of another shape, is made anew; one that failed is not kept', async () => {
  const [file = ''] = readdirSync(folder)
  const before = Array.from({ length: 100 }, (_, at) => ({ at }))
  for (const text of ['', '{', 'null', '[]', '{"key":"a","made":"other"}']) {
    for (const one of readdirSync(folder)) writeFileSync(join(folder, one), text)
    const count = made
    await render(before[0])
    assert.equal(made, count + 1, `${file} ${text}`)
  }
  await keptRender('list', () => Promise.resolve([1]), Array.isArray, record)
  assert.equal(await keptRender('list', () => Promise.resolve('text'), isText, record), 'text')
  await assert.rejects(keptRender('bad', () => Promise.reject(new Error('no')), isText, record))
  assert.equal(await keptRender('bad', () => Promise.resolve('good'), isText, record), 'good')
})
