import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments } from '../../../lib/cli/arguments.mts'
import { KitError } from '../../../lib/base/errors.mts'
import { nearest } from '../../../lib/base/nearest.mts'
import { selectionOf, selectModules } from '../../../lib/cli/selection.mts'
import { modules } from '../../../scripts/modules.mjs'

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

test('--rollback takes a revision or none, and never the flag behind it', () => {
  const read = (...words: string[]) => readArguments('apply_all', words)
  assert.deepEqual([read('--rollback').verb, read('--rollback').revision], ['rollback', undefined])
  assert.equal(read('--rollback', '3').revision, 3)
  assert.equal(read('--rollback=12').revision, 12)
  const { revision, yes } = read('--rollback', '--yes')
  assert.deepEqual([revision, yes], [undefined, true])
  refused(() => read('--rollback=first'), /takes a number/)
})

test('two verbs are two runs', () => {
  refused(
    () => readArguments('apply_all', ['--verify', '--uninstall']),
    /--verify and --uninstall are two runs/,
  )
  refused(() => readArguments('apply_all', ['--rollback', '--upgrade']), /--rollback and --upgrade/)
  refused(() => readArguments('apply_all', ['--plan', '--status']), /leave --plan out/)
  refused(() => readArguments('apply_all', ['--json']), /--json only goes with --plan and --status/)
  assert.equal(readArguments('apply_all', ['--plan', '--rollback']).plan, true)
})

test('names to confirm may be several', () => {
  assert.deepEqual(readArguments('apply_all', ['--confirm', 'n8n', '--confirm', 'prod']).confirm, [
    'n8n',
    'prod',
  ])
})

test('--from takes the rest of a full run, --all its optional modules, and neither goes with --module', () => {
  const table = [
    { number: 9, slug: 'k3s', inFullRun: 'required' },
    { number: 12, slug: 'n8n', inFullRun: 'required' },
    { number: 13, slug: 'superset', inFullRun: 'optional' },
    { number: 14, slug: 'vault', inFullRun: 'recommended' },
  ] as const
  const numbers = (selection: Parameters<typeof selectModules>[1]) =>
    selectModules(table, selection).map(({ number }) => number)
  assert.deepEqual(numbers({}), [9, 12, 14])
  assert.deepEqual(numbers({ all: true }), [9, 12, 13, 14])
  assert.deepEqual(numbers({ from: 'n8n' }), [12, 14])
  assert.deepEqual(numbers({ from: '13', all: true, skip: '14' }), [13])
  refused(() => numbers({ only: '12', from: '9' }), /--module names modules/)
})

test('--status without --module is about all seven modules, the optional ones too; other verbs leave these out', () => {
  const numbers = (...words: string[]) =>
    selectModules(modules, selectionOf(readArguments('master', words))).map(({ number }) => number)
  assert.deepEqual(numbers('--status'), [9, 10, 11, 12, 13, 14, 15])
  assert.deepEqual(numbers('--status', '--skip', '9-12,14'), [13, 15])
  assert.deepEqual(numbers('--status', '--module', '12'), [12])
  for (const verb of ['--verify', '--plan', '--uninstall']) assert.deepEqual(numbers(verb), [9, 10, 11, 12])
})

test('--limit names hosts, for an install, --uninstall and --drill alone', () => {
  assert.deepEqual(readArguments('apply_all', ['--limit', 'a, b']).limit, ['a', 'b'])
  assert.deepEqual(readArguments('apply_all', ['--limit=a', '--uninstall']).limit, ['a'])
  assert.deepEqual(readArguments('step', ['--limit', 'a']).limit, ['a'])
  assert.equal(readArguments('apply_all', []).limit, undefined)
  assert.deepEqual(readArguments('apply_all', ['--limit=a', '--drill']).limit, ['a'])
  for (const verb of ['--verify', '--status', '--rollback'])
    refused(() => readArguments('apply_all', [verb, '--limit', 'a']), /not with --/)
})
