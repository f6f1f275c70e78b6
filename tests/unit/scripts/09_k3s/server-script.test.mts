import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Host } from '../../../../lib/hosts/host.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { missingOf } from '../../../../scripts/09_k3s/nodes/readiness.mts'

// What asks a server whether it is healthy, by a real shell, with stand-ins of systemctl, curl and k3s.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-server-'))
after(() => rmSync(folder, { recursive: true }))

/** A host that runs scripts on this machine, with these programs before its own. */
function hostWith(programs: Readonly<Record<'systemctl' | 'curl' | 'k3s', string>>): Host {
  for (const [name, body] of Object.entries(programs))
    writeFileSync(join(folder, name), `#!/bin/sh\n# Stand-in of ${name}.\n${body}\n`, { mode: 0o755 })
  const read = async (words: readonly string[], { input }: { readonly input: Readable }) => {
    const script = gunzipSync(await buffer(input))
      .toString()
      .replaceAll(paths.binary, join(folder, 'k3s'))
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` }
    return {
      code: 0,
      stderr: '',
      stdout: execFileSync('sh', ['-c', script, ...words.slice(3)], { encoding: 'utf8', env }),
    }
  }
  return { name: 'master-01', address: '192.0.2.11', read } as unknown as Host
}

const members = JSON.stringify({
  members: [1, 2].map((at) => ({ name: `master-0${at}`, peerURLs: [`https://192.0.2.1${at}:2380`] })),
})
const systemctl = `printf 'ActiveState=active\\nSubState=running\\nNRestarts=0\\nInvocationID=a\\n'`
/** A curl that goes by no proxy. */
const curl = (ready: string, { health = '', list = members } = {}) =>
  `case "$*" in "--noproxy * "*/readyz) printf '${ready}' ;; "--noproxy * "*/health) echo '${health}' ;; "--noproxy * "*/member/list) [ -n '${list}' ] && echo '${list}' ;; *) exit 9 ;; esac`
const k3s = (nodes: string) =>
  `case "$1" in --version) echo 'k3s version v1.36.5+k3s1 (469d009f)' ;; kubectl) printf '${nodes}' ;; esac`

test('a server is asked in one round trip, and every part of its answer counts', async () => {
  const nodes = (mine: string) =>
    `master-01:${mine}\\nmaster-02:True:v1.36.5+k3s1:True\\nworker-01:True:v1.36.5+k3s1:\\n`
  const asked = (ready: string, mine: string, more = {}) =>
    missingOf(hostWith({ systemctl, curl: curl(ready, more), k3s: k3s(nodes(mine)) }), [])
  assert.equal(await asked('ok', 'True:v1.36.5+k3s1:True'), '')
  assert.equal(await asked('ok', 'False:v1.36.5+k3s1:True'), 'its Node is not Ready yet')
  assert.equal(
    await asked('ok', 'True:v1.36.4+k3s1:True'),
    'its Node still tells v1.36.4+k3s1, not v1.36.5+k3s1',
  )
  assert.equal(
    await asked('ok', 'True:v1.36.5+k3s1:False', { list: '' }),
    'the etcd of master-01 has no vote',
  )
  assert.equal(await asked('ok', 'True:v1.36.5+k3s1:True', { list: '' }), '')
  assert.match(await asked('[-]etcd failed', 'True:v1.36.5+k3s1:True'), /its API does not answer yet/)
})

test('a server whose API does not answer is asked for the leader of its etcd; its K3s binary is not started', async () => {
  const reason = '{"health":"false","reason":"RAFT NO LEADER"}'
  const host = hostWith({
    systemctl,
    curl: curl('', { health: reason }),
    k3s: `echo started >>${folder}/started`,
  })
  assert.match(await missingOf(host, []), /its etcd has no leader/)
  assert.throws(() => execFileSync('cat', [join(folder, 'started')], { stdio: 'pipe' }))
})
