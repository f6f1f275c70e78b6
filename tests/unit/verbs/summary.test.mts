import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '../../../lib/run/session.mts'
import { informationLines } from '../../../lib/verbs/summary.mts'

const digest = `@sha256:${'a'.repeat(64)}`

/** The lines when this image is installed and that one is in versions.json, with version 1.1.0. */
const linesFor = (from: string, to: string) =>
  informationLines({
    module: { number: 20 },
    env: 'staging',
    options: { upgrade: false },
    inputs: { current: () => ({}) },
    versions: { shop: { version: '1.1.0', image: to } },
    writes: { changes: [] },
    chosen: () => ({ newer: [{ name: 'shop', from, to }] }),
    opened: undefined,
  } as unknown as Session<never>)

test('what versions.json has is called newer or older by tag, or by the version beside a digest alone', () => {
  const [older, alone] = ['shop:1.0.0', `shop${digest}`]
  const newerThan = (to: string) => [['Newer', `shop ${older} -> ${to}: --upgrade`]]
  assert.deepEqual(linesFor(older, 'shop:1.1.0'), newerThan('shop:1.1.0'))
  assert.deepEqual(linesFor(older, alone), newerThan(alone))
  for (const to of ['shop:1.1.0', `shop:1.1.0${digest}`, alone])
    assert.deepEqual(linesFor('shop:1.2.0', to), [
      ['Older', `versions.json has shop ${to}, shop:1.2.0 is installed and stays`],
    ])
})
