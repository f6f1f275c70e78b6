import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readersOf } from '../../../lib/run/create-context.mts'
import { isKnownByNodes } from '../../../lib/run/modules.mts'
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
