import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../lib/base/files.mts'
import { readmes } from '../docs/tables.mts'

for (const { path, before, after } of readmes()) {
  test(`${path.split('/').slice(-2).join('/')}: its tables are what the code says (npm run docs)`, () => {
    assert.equal(before, after)
    assert.match(before, /<!-- settings -->[\s\S]*<!-- checks -->/)
  })
}

test('the README of every module that is there has such tables', () => {
  const folders = readdirSync(join(root, 'scripts')).filter((name) => /^\d\d_/.test(name))
  const described = new Set(readmes().map(({ path }) => path.split('/').at(-2)))
  assert.deepEqual(
    folders.filter((name) => !described.has(name)),
    [],
  )
})
