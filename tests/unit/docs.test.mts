import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readmes } from '../docs/tables.mts'

for (const { path, before, after } of readmes()) {
  test(`${path.split('/').slice(-2).join('/')}: its tables are what the code says (npm run docs)`, () => {
    assert.equal(before, after)
    assert.match(before, /<!-- settings -->[\s\S]*<!-- checks -->/)
  })
}
