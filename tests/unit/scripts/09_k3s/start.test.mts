import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import { paths, signature } from '../../../../scripts/09_k3s/host/paths.mts'
import { unitText } from '../../../../scripts/09_k3s/nodes/config.mts'
import type { HostState } from '../../../../scripts/09_k3s/nodes/host-state.mts'
import {
  needsStart,
  start,
  writeConfig,
  type DesiredState,
} from '../../../../scripts/09_k3s/nodes/install.mts'
import { proxyEnvironment, proxyProblem } from '../../../../scripts/09_k3s/settings-proxy.mts'

// What is laid beside K3s when it is started. The shell is real, in a folder that stands in for the host's root;
// systemctl and the tools it finds there are stand-ins.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-start-'))
after(() => rmSync(folder, { recursive: true }))
const bin = join(folder, 'usr/local/bin')
const images = join(folder, 'var/lib/rancher/k3s/agent/images')
mkdirSync(bin, { recursive: true })
mkdirSync(join(folder, 'etc/rancher/k3s'), { recursive: true })
mkdirSync(join(folder, 'tools'))
writeFileSync(join(folder, 'etc/rancher/k3s/resolv.conf'), 'nameserver 192.0.2.53\n')
writeFileSync(join(bin, 'k3s'), '#!/bin/sh\n', { mode: 0o755 })
for (const name of ['grep', 'ln', 'mkdir', 'rm', 'stat', 'touch'])
  symlinkSync(`/bin/${name}`, join(folder, 'tools', name))
for (const name of ['systemctl', 'crictl'])
  writeFileSync(join(folder, 'tools', name), `#!/bin/sh\n# Stand-in of ${name}.\n`, { mode: 0o755 })

const wantedOf = (more: Partial<DesiredState> = {}): DesiredState => ({
  role: 'server',
  config: 'config',
  pods: '10.42.0.0/16',
  artifacts: [],
  proxy: undefined,
  registries: undefined,
  ...more,
})

/** Starts K3s on the host that the folder is. */
const startOn = (wanted: DesiredState): Promise<void> => {
  const host = {
    change: (_: string, words: readonly string[], { input = '' }: { input?: string } = {}) => {
      const [shell = '', how = '', script = ''] = words
      const here = script.replace(/(?<![\w.])\/(usr|var|etc)\//g, `${folder}/$1/`)
      // Of this machine only what the script needs: it may have a kubectl of its own.
      const env = { PATH: `${folder}/tools` }
      execFileSync(`/bin/${shell}`, [how, here], { env, input, stdio: 'pipe' })
      return Promise.resolve()
    },
  }
  return start(host as unknown as Host, wanted)
}

test('a master gets links to the tools of K3s where their name is free', async () => {
  await startOn(wantedOf())
  await startOn(wantedOf())
  assert.equal(readlinkSync(join(bin, 'kubectl')), 'k3s')
  assert.equal(readlinkSync(join(bin, 'ctr')), 'k3s')
  // Another crictl is on PATH.
  assert.equal(existsSync(join(bin, 'crictl')), false)
})

test('images are imported once: the file is made empty, and what K3s wrote into it stays', async () => {
  await startOn(wantedOf({ role: 'agent' }))
  assert.equal(statSync(join(images, '.cache.json')).size, 0)
  writeFileSync(join(images, '.cache.json'), '{}')
  await startOn(wantedOf({ role: 'agent' }))
  assert.equal(readFileSync(join(images, '.cache.json'), 'utf8'), '{}')
})

test('the times of tarballs are whole seconds, as K3s notes them: it imports what is younger than its note', async () => {
  const [fraction, whole] = ['keybuzz-k3s-images.tar.zst', 'keybuzz-traefik.tar'].map((name) =>
    join(images, name),
  )
  for (const [path = '', seconds] of [
    [fraction, 1_700_000_000.75],
    [whole, 1_700_000_000],
  ] as const) {
    writeFileSync(path, 'a tarball')
    utimesSync(path, seconds, seconds)
  }
  const before = statSync(whole ?? '').ctimeMs
  await startOn(wantedOf({ role: 'agent' }))
  assert.equal(statSync(fraction ?? '').mtimeMs, 1_700_000_000_000)
  // One that is right is not touched: its checksum would be made anew.
  assert.equal(statSync(whole ?? '').ctimeMs, before)
  for (const path of [fraction, whole]) rmSync(path ?? '')
})

test('where SELinux enforces, K3s is told by its environment once, and its program is labelled', async () => {
  const file = join(folder, 'etc/default/k3s-agent')
  const calls = join(folder, 'calls')
  mkdirSync(join(folder, 'etc/default'))
  const standIn = (name: string, body: string) =>
    writeFileSync(join(folder, 'tools', name), `#!/bin/sh\n# Stand-in of ${name}.\n${body}\n`, {
      mode: 0o755,
    })
  standIn('restorecon', `echo "$@" >>${calls}`)
  standIn('getenforce', 'echo Permissive')
  await startOn(wantedOf({ role: 'agent' }))
  assert.equal(existsSync(file), false)
  standIn('getenforce', 'echo Enforcing')
  await startOn(wantedOf({ role: 'agent' }))
  await startOn(wantedOf({ role: 'agent' }))
  assert.equal(readFileSync(file, 'utf8'), 'K3S_SELINUX=true\n')
  assert.match(readFileSync(calls, 'utf8'), /\/usr\/local\/bin\/k3s$/m)
  // What an operator said there counts.
  writeFileSync(file, 'K3S_SELINUX=false\n')
  await startOn(wantedOf({ role: 'agent' }))
  assert.equal(readFileSync(file, 'utf8'), 'K3S_SELINUX=false\n')
  for (const name of ['getenforce', 'restorecon']) rmSync(join(folder, 'tools', name))
})

const proxied = {
  HOSTS_PROXY: sensitive('http://kit:planted@proxy.example.com:3128'),
  HOSTS_NO_PROXY: '192.0.2.0/24, registry.example.com',
  CLUSTER_CIDR: '10.42.0.0/16',
  SERVICE_CIDR: '10.43.0.0/16',
}

test('a proxy reaches K3s by a file of its own, which pods, Services and the private network go past', () => {
  assert.equal(
    proxyEnvironment(proxied),
    [
      'HTTP_PROXY="http://kit:planted@proxy.example.com:3128"',
      'HTTPS_PROXY="http://kit:planted@proxy.example.com:3128"',
      'NO_PROXY="localhost,127.0.0.0/8,10.42.0.0/16,10.43.0.0/16,.svc,.cluster.local,192.0.2.0/24,registry.example.com"',
      '',
    ].join('\n'),
  )
  assert.equal(proxyEnvironment({ ...proxied, HOSTS_PROXY: undefined }), undefined)
})

test('a proxy without the private network is refused', () => {
  assert.match(proxyProblem({ HOSTS_PROXY: proxied.HOSTS_PROXY }) ?? '', /HOSTS_NO_PROXY is not/)
  assert.equal(proxyProblem(proxied), undefined)
  assert.equal(proxyProblem({}), undefined)
})

test('the file is for root alone, and only the unit of a host with a proxy reads it', async () => {
  const put: [path: string, mode: string][] = []
  const host = {
    put: (path: string, mode: string) => Promise.resolve(put.push([path, mode]) === 0),
    change: () => Promise.resolve(),
  } as unknown as Host
  await writeConfig(host, wantedOf({ proxy: proxyEnvironment(proxied) }))
  assert.ok(put.some(([path, mode]) => path === '/etc/rancher/k3s/proxy.env' && mode === '0600'))
  put.length = 0
  await writeConfig(host, wantedOf())
  assert.ok(put.every(([path]) => path !== '/etc/rancher/k3s/proxy.env'))
  assert.match(unitText('agent', true), /^EnvironmentFile=\/etc\/rancher\/k3s\/proxy\.env$/m)
  assert.doesNotMatch(unitText('agent', false), /proxy/)
  assert.doesNotMatch(unitText('agent', true), /planted/)
})

test('another proxy starts the service anew; one that was taken away goes from the host', async () => {
  const file = join(folder, 'etc/rancher/k3s/proxy.env')
  const wanted = wantedOf({ proxy: proxyEnvironment(proxied) })
  const stateOf = () =>
    ({
      active: true,
      started: readFileSync(join(folder, 'etc/rancher/keybuzz.started'), 'utf8').trim(),
    }) as HostState
  writeFileSync(file, wanted.proxy ?? '')
  await startOn(wanted)
  assert.equal(needsStart(stateOf(), wanted), false)
  assert.equal(needsStart(stateOf(), wantedOf({ proxy: 'HTTP_PROXY="http://other.example.com"\n' })), true)
  assert.equal(needsStart(stateOf(), wantedOf()), true)
  assert.equal(existsSync(file), true)
  await startOn(wantedOf())
  assert.equal(existsSync(file), false)
})

test('a mirror that was taken away goes from the host with its CA; a file of somebody else stays', async () => {
  const [file, ca] = [paths.registries, paths.mirrorCa].map((path) => join(folder, path)) as [string, string]
  const mirrored = wantedOf({ registries: { text: `${signature}\nmirrors: {}\n`, ca: 'PEM' } })
  const lay = (text: string) => {
    writeFileSync(file, text)
    writeFileSync(ca, 'PEM')
  }
  lay(mirrored.registries?.text ?? '')
  await startOn(mirrored)
  assert.deepEqual([existsSync(file), existsSync(ca)], [true, true])
  await startOn(wantedOf({ registries: { text: mirrored.registries?.text ?? '', ca: undefined } }))
  assert.deepEqual([existsSync(file), existsSync(ca)], [true, false])
  lay(mirrored.registries?.text ?? '')
  await startOn(wantedOf())
  assert.deepEqual([existsSync(file), existsSync(ca)], [false, false])
  lay('mirrors: {}\n')
  await startOn(wantedOf())
  assert.equal(readFileSync(file, 'utf8'), 'mirrors: {}\n')
})
