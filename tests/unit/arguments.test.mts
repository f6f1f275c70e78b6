import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest, readArguments } from '../../lib/arguments.mts'
import { KitError } from '../../lib/errors.mts'
import { selectModules } from '../../lib/selection.mts'

const refused = (act: () => unknown, what: RegExp, hint = /./) =>
  assert.throws(
    act,
    (error) =>
      error instanceof KitError &&
      error.exitCode === 2 &&
      what.test(error.message) &&
      hint.test(error.hint ?? ''),
  )

test('flags are read by the program that knows them', () => {
  const given = readArguments('apply_all', [
    '--env',
    'dev',
    '--plan',
    '--offline',
    '--set',
    'A=1',
    '--set=B=2',
  ])
  assert.equal(given.env, 'dev')
  assert.deepEqual([given.plan, given.offline, given.set], [true, true, ['A=1', 'B=2']])
})

test('an unknown flag offers the nearest one', () => {
  refused(() => readArguments('apply_all', ['--paln']), /unknown flag --paln/, /--plan/)
})

test('a verb a step does not know names the command that does', () => {
  refused(() => readArguments('step', ['--verify']), /--verify is not known to a single step/, /apply_all/)
  refused(() => readArguments('apply_all', ['--module', '12']), /--module/, /00_master_install/)
})

test('values are neither forgotten nor invented', () => {
  refused(() => readArguments('master', ['--env']), /--env needs a value/)
  refused(() => readArguments('master', ['--plan=yes']), /--plan takes no value/)
  refused(() => readArguments('master', ['12']), /"12" is not expected/)
  refused(() => readArguments('master', ['--offline']), /only goes with --plan/)
})

const table = [
  { number: 9, slug: 'k3s', inFullRun: 'required' },
  { number: 12, slug: 'n8n', inFullRun: 'required' },
  { number: 13, slug: 'superset', inFullRun: 'optional' },
] as const
const select = (only?: string, skip?: string) =>
  selectModules(table, { only, skip }).map(({ number }) => number)

test('modules are chosen by number, name, list and range, in the order of the table', () => {
  assert.deepEqual(select(), [9, 12])
  assert.deepEqual(select('13,k3s'), [9, 13])
  assert.deepEqual(select('9-12'), [9, 12])
  assert.deepEqual(select('9-13', '12'), [9, 13])
})

test('an unknown module offers the nearest name', () => {
  refused(() => select('n8'), /no module "n8"/, /n8n/)
  refused(() => select('112'), /no module "112"/, /12/)
  refused(() => select('12', '12'), /no module is left/)
})

test('nearest counts letters', () => assert.equal(nearest('supreset', ['n8n', 'superset']), 'superset'))
