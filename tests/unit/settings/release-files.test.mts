import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { listBeside } from '../../../lib/settings/release-files.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-release-'))
after(() => rmSync(folder, { recursive: true }))
const sum = 'a'.repeat(64)

test('the list of checksums beside a file is found; without a folder there is none', () => {
  writeFileSync(join(folder, 'sha256sum-amd64.txt'), `${sum}  k3s\n`)
  assert.deepEqual(listBeside(join(folder, 'k3s')), {
    list: join(folder, 'sha256sum-amd64.txt'),
    sha256: sum,
  })
  assert.equal(listBeside(join(folder, 'absent', 'k3s')), undefined)
})

test('a folder that cannot be read: exit 2 with its path', () => {
  const file = join(folder, 'sha256sum-amd64.txt')
  assert.throws(() => listBeside(join(file, 'k3s')), {
    exitCode: exitCodes.usage,
    message: `${file} cannot be read`,
    hint: /that it is a folder/,
  })
})
