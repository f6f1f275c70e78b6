import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { removeFile } from '../../../lib/base/remove-file.mts'
import { forgetCluster } from '../../../lib/kube/cluster.mts'
import { linesWith, readGraph } from '../imports.mts'

const fileOf = (line: string): string => line.split(':')[0] ?? ''

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-remove-'))
after(() => rmSync(folder, { recursive: true }))

test('a file that cannot be removed is exit 12 with its name and the command; one that is gone is fine', () => {
  const path = join(folder, 'kubeconfig')
  writeFileSync(path, '')
  removeFile(path)
  removeFile(path)
  assert.ok(!existsSync(path))
  // A folder in its place: removing it as a file fails for every user, root among them.
  mkdirSync(path)
  assert.throws(
    () => removeFile(path),
    (thrown) =>
      thrown instanceof KitError &&
      thrown.exitCode === exitCodes.localDisk &&
      thrown.message === `cannot remove ${path}` &&
      thrown.hint === `rm ${path}`,
  )
})

test('a destroyed cluster is forgotten by that function: no other one removes a file of the operator’s', () => {
  const env = `gone-${process.pid}`.slice(0, 20)
  mkdirSync(credentialsFolder(env), { recursive: true })
  writeFileSync(join(credentialsFolder(env), 'kubeconfig'), '')
  try {
    assert.deepEqual(forgetCluster(env), [`credentials/${env}/kubeconfig`])
    assert.deepEqual(forgetCluster(env), [])
  } finally {
    rmSync(credentialsFolder(env), { recursive: true })
  }
  const root = join(import.meta.dirname, '../../..')
  const removing = linesWith(
    root,
    readGraph(root, ['lib', 'scripts']).files,
    /\b(rm|unlink|rmdir)Sync\(/,
  ).map(fileOf)
  // Background programs have a folder of their own below the temporary one.
  const own = ['lib/base/background.mts', 'lib/base/files.mts', 'lib/base/remove-file.mts']
  assert.deepEqual([...new Set(removing)], own)
})
