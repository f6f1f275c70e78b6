import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { surroundings } from '../../../lib/base/command.mts'
import { exitCodes } from '../../../lib/base/errors.mts'
import { root } from '../../../lib/base/files.mts'
import { fromRoot } from '../../../lib/base/home.mts'
import { operator } from '../../../lib/state/revision.mts'

const unknown = () => {
  throw new Error('A system error occurred: uv_os_get_passwd returned ENOENT (no such file or directory)')
}

test('a path of settings is resolved from the kit, or from the home of the operator', () => {
  assert.equal(fromRoot('downloads/k3s'), join(root, 'downloads/k3s'))
  assert.equal(fromRoot('/opt/k3s'), '/opt/k3s')
  assert.equal(fromRoot('~/.ssh/id_ed25519'), join(os.homedir(), '.ssh/id_ed25519'))
})

test('a user id without an entry in the user database, and without HOME, can run the kit', (context) => {
  const home = process.env['HOME']
  context.mock.method(os, 'homedir', unknown)
  context.mock.method(os, 'userInfo', unknown)
  syncBuiltinESMExports()
  delete process.env['HOME']
  try {
    assert.equal(operator(), `uid-${process.getuid?.()}@${os.hostname()}`)
    assert.equal(surroundings()['HOME'], '/nonexistent')
    assert.equal(fromRoot('downloads/k3s'), join(root, 'downloads/k3s'))
    assert.throws(() => fromRoot('~/k3s'), {
      exitCode: exitCodes.usage,
      message: /~\/k3s: .* no home folder/,
    })
  } finally {
    if (home !== undefined) process.env['HOME'] = home
    context.mock.restoreAll()
    syncBuiltinESMExports()
  }
})
