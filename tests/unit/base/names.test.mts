import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { masterCommand } from '../../../lib/base/names.mts'

test('a command for one module names its environment: it works when it is pasted', () => {
  assert.equal(masterCommand(12, 'staging'), './00_master_install.mjs --module 12 --env staging')
  assert.equal(
    masterCommand(9, 'prod', '--rollback', '3'),
    './00_master_install.mjs --module 9 --env prod --rollback 3',
  )
})

test('no hint spells such a command itself', () => {
  // The command line speaks of programs and flags in general, before an environment is known.
  const general = new Set(['lib/cli/arguments.mts', 'lib/base/names.mts'])
  for (const folder of ['lib', 'scripts']) {
    const root = join(import.meta.dirname, '../../..', folder)
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      const path = `${folder}/${file}`
      if (!file.endsWith('.mts') || general.has(path)) continue
      assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), /00_master_install\.mjs/, path)
    }
  }
})
