import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTeller, type Counted } from '../../../lib/base/download-progress.mts'

test('every five seconds: bytes done, bytes of the whole, seconds left by what came in this run', () => {
  const lines: string[] = []
  let now = 1000
  const progress: Counted = { done: 40e6, whole: 100e6 }
  const tell = createTeller(
    'artifacts/k3s',
    progress,
    (text) => lines.push(text),
    () => now,
  )
  const come = (megabytes: number, seconds: number) => {
    progress.done += megabytes * 1e6
    now += seconds * 1000
    tell()
  }
  come(5, 4)
  assert.deepEqual(lines, [])
  come(5, 1)
  assert.deepEqual(lines, ['artifacts/k3s: 50.0 MB of 100.0 MB, 25 s left'])
  come(10, 4.9)
  assert.equal(lines.length, 1)
  come(20, 0.1)
  assert.equal(lines[1], 'artifacts/k3s: 80.0 MB of 100.0 MB, 5 s left')
})

test('a server that does not say how long the file is: the bytes alone', () => {
  const lines: string[] = []
  let now = 0
  const tell = createTeller(
    'artifacts/k3s',
    { done: 12.34e6, whole: undefined },
    (text) => lines.push(text),
    () => now,
  )
  now = 5000
  tell()
  assert.deepEqual(lines, ['artifacts/k3s: 12.3 MB'])
})
