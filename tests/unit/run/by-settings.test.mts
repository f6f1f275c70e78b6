import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { failuresOf, imagesInUse } from '../../../lib/run/by-settings.mts'

const module = {
  images: ['web', 'extra'],
  unusedImages: ({ EXTRA }: { EXTRA?: boolean }) => (EXTRA ? [] : ['extra']),
  failures: () => [{ id: 'a' }],
}
const inputs = (current: () => object) => ({ current }) as never
const incomplete = () => {
  throw new KitError('a setting is missing', { exitCode: exitCodes.usage })
}

test('images that the settings do not install are not in use; while settings are missing all may be', () => {
  const used = (current: () => object) => imagesInUse(module as never, inputs(current))
  assert.deepEqual(
    used(() => ({ EXTRA: false })),
    ['web'],
  )
  assert.deepEqual(
    used(() => ({ EXTRA: true })),
    ['web', 'extra'],
  )
  assert.deepEqual(used(incomplete), ['web', 'extra'])
  assert.deepEqual(
    imagesInUse(
      { images: ['web'] } as never,
      inputs(() => ({})),
    ),
    ['web'],
  )
})

test('known failures need settings too; an error that is not about them is thrown', () => {
  assert.equal(
    failuresOf(
      module as never,
      inputs(() => ({})),
    ).length,
    1,
  )
  assert.deepEqual(failuresOf(module as never, inputs(incomplete)), [])
  assert.throws(
    () =>
      imagesInUse(
        module as never,
        inputs(() => {
          throw new TypeError('a bug')
        }),
      ),
    TypeError,
  )
})
