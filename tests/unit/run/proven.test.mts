import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProven } from '../../../lib/run/proven.mts'

// When a step may leave a measurement to the validation that follows it.

interface Run {
  readonly state?: string
  readonly tested?: { readonly failed: number }
  readonly made?: number
  readonly foreseen?: number
}

const proven = (
  { state = 'validated', tested = { failed: 0 }, made = 0, foreseen = 0 }: Run,
  isOpen = true,
) =>
  isProven({
    opened: isOpen
      ? { revisions: { current: { state, tested } }, kube: { foreseen: Array.from({ length: foreseen }) } }
      : undefined,
    writes: { changes: Array.from({ length: made }) },
  } as never)

test('a validation that passed, and nothing to change since', () => {
  assert.equal(proven({}), true)
})

test('what takes that away', () => {
  assert.equal(proven({}, false), false)
  for (const one of [
    { state: 'pending' },
    { state: 'adopted' },
    { tested: { failed: 1 } },
    { made: 1 },
    { foreseen: 1 },
  ])
    assert.equal(proven(one), false, JSON.stringify(one))
})

test('a revision that was never validated, or none, proves nothing', () => {
  for (const current of [undefined, { state: 'validated' }])
    assert.equal(
      isProven({
        opened: { revisions: { current }, kube: { foreseen: [] } },
        writes: { changes: [] },
      } as never),
      false,
    )
})
