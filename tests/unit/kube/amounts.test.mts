import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  amountOf,
  cpuText,
  fits,
  memoryText,
  minus,
  nothing,
  requestOf,
  timesIn,
} from '../../../lib/kube/amounts.mts'
import type { Container } from '../../../lib/kube/types.mts'

const millis = (cpu: string) => amountOf({ cpu }).cpuMillis
const bytes = (memory: string) => amountOf({ memory }).memoryBytes

test('quantities are read in every form that the API server accepts', () => {
  assert.deepEqual(
    ['2', '500m', '0.5', '.5', '2.', '1.1', '1500000000n', '250000u', '1e0', '5E-1', '1k'].map(millis),
    [2000, 500, 500, 500, 2000, 1100, 1500, 250, 1000, 500, 1_000_000],
  )
  assert.deepEqual(['1Gi', '512Mi', '1Ki', '1G', '1M', '12345', '1e3', '1E', '128974848000m'].map(bytes), [
    2 ** 30,
    512 * 2 ** 20,
    1024,
    1e9,
    1e6,
    12_345,
    1000,
    1e18,
    128_974_848,
  ])
  assert.deepEqual([millis('0.1n'), millis('1u')], [0, 1], 'rounded up, but not by what a double adds')
})

test('an absent quantity and one the API server would refuse count as none', () => {
  assert.deepEqual(amountOf(), nothing)
  for (const text of ['', 'much', '-1', '1 Gi', '1GiB', 'NaN', '1e', '1e999', '0x10', '5mm'])
    assert.deepEqual([millis(text), bytes(text)], [0, 0], text)
})

test('an amount is shown as an operator writes it', () => {
  assert.deepEqual(
    ['500m', '2', '1.25'].map((cpu) => cpuText(amountOf({ cpu }))),
    ['500m cpu', '2 cpu', '1250m cpu'],
  )
  assert.deepEqual(
    ['1Gi', '1536Mi', '512Mi', '1', '0'].map((memory) => memoryText(amountOf({ memory }))),
    ['1Gi memory', '1536Mi memory', '512Mi memory', '0Mi memory', '0Mi memory'],
  )
})

test('both CPU and memory must fit, and less than nothing is never left', () => {
  const room = amountOf({ cpu: '1', memory: '1Gi' })
  assert.equal(fits(room, room), true)
  assert.equal(fits(amountOf({ cpu: '1001m' }), room), false)
  assert.equal(fits(amountOf({ memory: '1025Mi' }), room), false)
  assert.deepEqual(minus(room, amountOf({ cpu: '2', memory: '512Mi' })), amountOf({ memory: '512Mi' }))
  assert.deepEqual(
    [{ cpu: '300m' }, { memory: '400Mi' }, { cpu: '300m', memory: '600Mi' }, { cpu: '2' }, {}].map((one) =>
      timesIn(amountOf(one), room),
    ),
    [3, 2, 1, 0, Infinity],
  )
})

const asking = (cpu: string, memory: string, more: Partial<Container> = {}): Container => ({
  name: 'one',
  resources: { requests: { cpu, memory } },
  ...more,
})

test('a pod requests its containers and sidecars together, or what an init container needs beside the sidecars before it', () => {
  const sidecar = asking('50m', '64Mi', { restartPolicy: 'Always' })
  const containers = [asking('100m', '128Mi'), asking('100m', '128Mi')]
  const requested = (initContainers: Container[]) => requestOf({ containers, initContainers })
  assert.deepEqual(requestOf({ containers }), amountOf({ cpu: '200m', memory: '256Mi' }))
  assert.deepEqual(requested([sidecar]), amountOf({ cpu: '250m', memory: '320Mi' }))
  assert.deepEqual(requested([asking('1', '64Mi')]), amountOf({ cpu: '1', memory: '256Mi' }))
  assert.deepEqual(requested([sidecar, asking('1', '1Gi')]), amountOf({ cpu: '1050m', memory: '1088Mi' }))
  assert.deepEqual(requested([asking('1', '1Gi'), sidecar]), amountOf({ cpu: '1', memory: '1Gi' }))
})

test('a request that is not given is the limit; the overhead of its runtime counts', () => {
  const limited = {
    name: 'one',
    resources: { requests: { cpu: '10m' }, limits: { cpu: '1', memory: '1Gi' } },
  }
  assert.deepEqual(requestOf({ containers: [limited] }), amountOf({ cpu: '10m', memory: '1Gi' }))
  assert.deepEqual(requestOf({ containers: [{ name: 'one' }] }), nothing)
  const overhead = { cpu: '250m', memory: '120Mi' }
  assert.deepEqual(requestOf({ containers: [{ name: 'one' }], overhead }), amountOf(overhead))
})
