import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { credentialsFolder, root } from '../../../lib/base/files.mts'
import { connectCluster, kubeconfigPath, shareConnections } from '../../../lib/kube/cluster.mts'

// Modules of one process that only look go by one `kubectl proxy`.

const env = `unit-${process.pid}`
after(() => rmSync(credentialsFolder(env), { recursive: true, force: true }))

const fixture = readFileSync(join(root, 'tests/fixtures/kubeconfig.yaml'), 'utf8')

function putKubeconfig(text: string): void {
  mkdirSync(credentialsFolder(env), { recursive: true, mode: 0o700 })
  writeFileSync(kubeconfigPath(env), text, { mode: 0o600 })
}

const connect = async () => (await connectCluster(env, {})).kubectl

test('a connection is shared once that is asked for, by one kubeconfig; a failed one is made anew', async () => {
  putKubeconfig(fixture)
  process.env['KEYBUZZ_KUBECTL'] = process.execPath
  assert.notEqual(await connect(), await connect())
  shareConnections()
  process.env['KEYBUZZ_KUBECTL'] = '/nonexistent'
  await assert.rejects(connect(), { exitCode: 3 })
  process.env['KEYBUZZ_KUBECTL'] = process.execPath
  const shared = await connect()
  assert.equal(await connect(), shared)
  putKubeconfig(`${fixture}\n`)
  assert.notEqual(await connect(), shared)
})
