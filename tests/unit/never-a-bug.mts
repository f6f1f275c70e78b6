import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KitError, exitCodes } from '../../lib/base/errors.mts'
import { anyValue, createRandom, damaged, damagedText } from './generated.mts'

// Tries readers of what comes from outside with what nobody thought of.

export const random = createRandom()
export const rounds = 600
console.log(`# SHAPE_SEED=${random.seed}`)

/** Reads generated input many times. @param exitCode the only one it may end with @param times 600 unless given */
export async function neverABug(
  file: string,
  exitCode: number,
  read: () => unknown,
  shown: () => unknown,
  times = rounds,
): Promise<void> {
  for (let round = 0; round < times; round += 1) {
    try {
      await read()
    } catch (thrown) {
      const seen = `SHAPE_SEED=${random.seed}, round ${round}: ${JSON.stringify(shown())}`
      assert.ok(thrown instanceof KitError, `${seen}\n${(thrown as Error).stack}`)
      assert.equal(thrown.exitCode, exitCode, seen)
      assert.ok(thrown.message.includes(file), `${seen}: ${thrown.message}`)
    }
  }
}

/** A reader of documents: of the whole one, damaged ones, and others altogether. */
export function documents(
  title: string,
  file: string,
  valid: unknown,
  text: (value: unknown) => string,
  read: (text: string) => unknown,
  exitCode: number = exitCodes.usage,
): void {
  test(`${title}: any shape is read or refused by file and field, exit ${exitCode}`, async () => {
    await read(text(valid))
    let given = ''
    const next = () => {
      const way = random.next()
      if (way < 0.1) given = text(anyValue(random))
      else if (way < 0.7) given = text(damaged(random, valid))
      else given = damagedText(random, text(valid))
      return read(given)
    }
    await neverABug(file, exitCode, next, () => given)
  })
}
