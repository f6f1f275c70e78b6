import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Host } from '../../../../lib/hosts/host.mts'
import { uninstallK3s } from '../../../../scripts/09_k3s/remove/uninstall-k3s.mts'
import { uninstallScript } from '../../../../scripts/09_k3s/nodes/uninstall-script.mts'
import { hostsOf, makeWorld } from './machines.mts'

// Parts of the script by a real sh, in a folder that stands in for the host's root; what would reach this machine's own
// mounts, processes and packet filter is a stand-in.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-uninstall-'))
after(() => rmSync(folder, { recursive: true }))
const aux = join(folder, 'var/lib/rancher/k3s/data/abc/bin/aux')
const tools = join(folder, 'tools')
for (const path of [aux, tools]) mkdirSync(path, { recursive: true })
for (const name of ['sed', 'grep', 'cat']) symlinkSync(`/bin/${name}`, join(tools, name))
const standIn = (name: string, body: string, where = aux) =>
  writeFileSync(join(where, name), `#!/bin/sh\n# Stand-in of ${name}.\n${body}\n`, { mode: 0o755 })

const whole = uninstallScript('10.42.0.0/16')
/** The part from one text up to another, in the folder that stands in for the root. */
function part(from: string, to: string): string {
  const [begin, end] = [whole.indexOf(from), to === '' ? whole.length : whole.indexOf(to)]
  assert.ok(begin >= 0 && end > begin, from)
  return whole.slice(begin, end).replaceAll(/(^| )(\/(?:var|etc|run|sys|proc)\/)/gm, `$1${folder}$2`)
}
const warn = 'warn() { echo "$*" >&2; }\n'

function runPart(text: string, path = `${tools}:/usr/bin:/bin`) {
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-s'], {
    input: `set -eu\n${warn}${text}`,
    env: { PATH: path },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

// As K3s v1.36.3 with flannel's VXLAN leaves them, with a rule of the operator's.
const rules = `*filter
:INPUT DROP [0:0]
:FLANNEL-FWD - [0:0]
:KUBE-ROUTER-INPUT - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.42.0.0/16 -j ACCEPT
COMMIT
`
const filters = () => part('for tools in', 'inside() {')

test('chains, rules and sets of K3s go, whoever brought the programs; a rule of the operator stays', () => {
  writeFileSync(join(folder, 'rules'), rules)
  standIn('iptables-save', `cat ${folder}/rules`)
  standIn('iptables-restore', `cat >${folder}/restored`)
  standIn('ip6tables-save', '')
  standIn(
    'ipset',
    `case $1 in list) echo KUBE-SRC-ABC; echo fail2ban ;; *) echo "$@" >>${folder}/sets ;; esac`,
  )
  // The host has none of its own, as Debian's minimal image has none.
  assert.deepEqual(runPart(filters(), tools), { status: 0, stdout: '', stderr: '' })
  assert.equal(
    readFileSync(join(folder, 'restored'), 'utf8'),
    '*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n',
  )
  assert.equal(readFileSync(join(folder, 'sets'), 'utf8'), 'destroy KUBE-SRC-ABC\n')
})

test('what a packet filter refuses is told and stops nothing: data and tokens go all the same', () => {
  writeFileSync(join(folder, 'rules'), rules)
  standIn('iptables-save', `cat ${folder}/rules`)
  standIn('iptables-restore', 'cat >/dev/null; exit 1')
  standIn('ip6tables-save', 'exit 1')
  standIn('ipset', 'case $1 in list) echo KUBE-SRC-ABC ;; *) exit 1 ;; esac')
  standIn('nft', 'case $1 in list) echo table ip kube-proxy ;; *) exit 1 ;; esac')
  const { status, stderr } = runPart(filters(), tools)
  assert.equal(status, 0)
  assert.deepEqual(stderr.trim().split('\n'), [
    'rules of K3s stay in iptables, until the next start of the machine',
    'ip6tables-save failed: rules of K3s may stay',
    'the set KUBE-SRC-ABC stays',
    'the table ip kube-proxy stays',
  ])
  const ufw = `ufw() { case $1 in show) printf "ufw allow from 192.0.2.1 comment '%s'\\n" keybuzz ;; *) return 1 ;; esac; }\n`
  const ours = part('if command -v ufw', 'rm -f /usr/local/sbin')
  assert.match(runPart(ufw + ours).stderr, /^ufw: allow from 192\.0\.2\.1 stays$/m)
  assert.equal(runPart(ufw + ours).status, 0)
})

/** `/proc/self/mountinfo` of these mounts. */
const mountInfo = (...mounts: readonly (readonly [path: string, type: string])[]): string => {
  const path = join(folder, 'mountinfo')
  const lines = mounts.map(([at, type]) => `31 1 8:1 / ${at} rw,relatime shared:1 - ${type} source rw\n`)
  writeFileSync(path, lines.join(''))
  return path
}

test('mounts of kubelet and containerd go, the deepest first; a disk of the operator stays, wherever it is', () => {
  const data = '/var/lib/rancher/k3s'
  const info = mountInfo(
    ['/', 'ext4'],
    [data, 'xfs'],
    [`${data}/server/db`, 'ext4'],
    [`${data}/agent/containerd`, 'ext4'],
    [`${data}/storage`, 'nfs4'],
    [`${data}/agent/images`, 'tmpfs'],
    ['/var/lib/kubelet', 'ext4'],
    ['/var/lib/kubelet/pods/a/volumes/kubernetes.io~projected/token', 'tmpfs'],
    ['/var/lib/kubelet/pods/a/volumes/kubernetes.io~csi/pvc/mount', 'ext4'],
    ['/var/lib/kubelet-of-another/pods', 'tmpfs'],
    ['/run/k3s/containerd/task/rootfs', 'overlay'],
    ['/run/k3s/containerd/task/rootfs/dev/shm', 'tmpfs'],
    ['/run/netns/cni-1', 'nsfs'],
    ['/run/netns/of-another', 'nsfs'],
    ['/var/lib/docker/overlay2/merged', 'overlay'],
  )
  standIn(
    'umount',
    `echo "$@" >>${folder}/umounts; grep -v " $1 " ${info} >${info}.new; mv ${info}.new ${info}`,
    tools,
  )
  const text = part('below=', 'for namespace in').replaceAll(`${folder}/proc/self/mountinfo`, info)
  assert.deepEqual(runPart(text), { status: 0, stdout: '', stderr: '' })
  assert.deepEqual(readFileSync(join(folder, 'umounts'), 'utf8').trim().split('\n'), [
    `${data}/storage`,
    `${data}/agent/images`,
    '/var/lib/kubelet/pods/a/volumes/kubernetes.io~projected/token',
    '/var/lib/kubelet/pods/a/volumes/kubernetes.io~csi/pvc/mount',
    '/run/netns/cni-1',
    '/run/k3s/containerd/task/rootfs/dev/shm',
    '/run/k3s/containerd/task/rootfs',
  ])
})

test('a share that does not answer is waited for once, then detached: no uninstall hangs on it', () => {
  const pods = '/var/lib/kubelet/pods'
  const info = mountInfo([`${pods}/a`, 'nfs4'], [`${pods}/b`, 'nfs4'], [`${pods}/c`, 'nfs4'])
  const detach = `grep -v " $2 " ${info} >${info}.new || :; mv ${info}.new ${info}`
  standIn('umount', `case $1 in --lazy) ${detach} ;; *) exec sleep 60 ;; esac`, tools)
  const text = part('below=', 'for namespace in').replaceAll(`${folder}/proc/self/mountinfo`, info)
  const quick = text.replace('seconds=10', 'seconds=1').replace('|| seconds=1;', '|| seconds=0.1;')
  assert.notEqual(quick, text)
  const started = performance.now()
  assert.deepEqual(runPart(quick), { status: 0, stdout: '', stderr: '' })
  assert.ok(performance.now() - started < 20_000)
  assert.equal(readFileSync(info, 'utf8'), '')
})

test('snapshots are saved before anything is unmounted or deleted: the database may have a disk of its own', () => {
  const [save, unmount, deletion] = [
    'cp -a /var/lib/rancher/k3s/server/db/snapshots/.',
    'umount',
    '-delete',
  ].map((text) => whole.indexOf(text)) as [number, number, number]
  assert.ok(save > 0 && save < unmount && unmount < deletion)
  const snapshots = join(folder, 'var/lib/rancher/k3s/server/db/snapshots')
  mkdirSync(snapshots, { recursive: true })
  writeFileSync(join(snapshots, 'on-demand-1'), 'all that was')
  assert.equal(runPart(part('if [ -n "$(ls', '# Pods outlive')).status, 0)
  assert.equal(readFileSync(join(folder, 'var/backups/keybuzz-k3s/on-demand-1'), 'utf8'), 'all that was')
})

test('a disk of its own is emptied where it is, and stays mounted; its folder is no error', (context) => {
  const root = join(folder, 'var/lib/rancher/k3s/')
  const inside = part('inside() {', 'for link in kubectl')
  const script = `set -eu
mkdir -p ${root}server/db/ ${root}agent/etc
mount -t tmpfs none ${root}server/db || exit 77
mkdir -p ${root}server/db/etcd/member ${folder}/var/log/pods/one; echo data >${root}server/db/etcd/member/wal; echo token >${root}server/token
${inside.replaceAll(`${folder}/proc`, '/proc')}
find ${root}
mountpoint ${root}server/db >/dev/null
[ ! -e ${folder}/var/log/pods ]`
  const { status, stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', script], { encoding: 'utf8' })
  if (status === 77 || (status !== 0 && /unshare/.test(stderr)))
    return context.skip('no mounts of its own here')
  assert.deepEqual([status, stderr], [0, ''])
  assert.deepEqual(stdout.trim().split('\n').toSorted(), [root, `${root}server`, `${root}server/db`])
})

test('strays of pods whose shim has died are found by their control group, of either version; never 0', () => {
  const groups = join(folder, 'sys/fs/cgroup')
  for (const [path, pids] of [
    ['kubepods.slice/burstable/pod1', '41\n42\n'],
    ['memory/kubepods/pod2', '0\n43\n42\n'],
    ['system.slice/docker-1.scope/kubepods/pod3', '44\n'],
  ] as const) {
    mkdirSync(join(groups, path), { recursive: true })
    writeFileSync(join(groups, path, 'cgroup.procs'), pids)
  }
  assert.equal(runPart(`${part('strays() {', 'for again in')}strays`).stdout, '41\n42\n43\n')
  assert.match(whole, /pids=\$\(tree \$\(shims\) \$\(strays\)\)/)
})

test('it finds its programs where su and sudo leave half of the path out', () => {
  const head = part('export PATH', 'warn()')
  const said = spawnSync('/bin/sh', ['-s'], {
    input: `${head}echo "$PATH"`,
    env: { PATH: '/usr/bin' },
    encoding: 'utf8',
  })
  const found = said.stdout.trim().split(':')
  for (const path of ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/sbin'])
    assert.ok(found.includes(path), path)
  assert.ok(whole.indexOf('export PATH') < whole.indexOf('systemctl'))
})

test('the timer of a killed drill cannot start K3s again meanwhile; without one nothing fails', () => {
  const did = join(folder, 'did')
  standIn('systemctl', `echo "$*" >>${did}\nexit 5`, tools)
  const { status, stderr } = runPart(part('systemctl stop', 'for unit in'))
  assert.deepEqual([status, stderr], [0, ''])
  assert.equal(readFileSync(did, 'utf8'), 'stop keybuzz-drill-undo.timer\n')
  assert.ok(whole.indexOf('systemctl stop') < whole.indexOf('systemctl disable'))
})

test('its last words name whom firewalld still lets do everything', () => {
  standIn('firewall-cmd', 'echo 192.0.2.2 10.42.0.0/16', tools)
  const { status, stderr } = runPart(part('if command -v firewall-cmd', ''))
  assert.equal(status, 0)
  const [first, ...commands] = stderr.trimEnd().split('\n')
  assert.equal(first, 'firewalld still trusts 192.0.2.2 10.42.0.0/16:')
  assert.deepEqual(
    commands,
    ['192.0.2.2', '10.42.0.0/16'].map(
      (source) =>
        `  firewall-cmd --permanent --zone=trusted --remove-source=${source}; firewall-cmd --zone=trusted --remove-source=${source}`,
    ),
  )
  standIn('firewall-cmd', 'exit 252', tools)
  assert.deepEqual(runPart(part('if command -v firewall-cmd', '')), { status: 0, stdout: '', stderr: '' })
})

test('what an uninstall warns of is on the screen, with the name of its host', async (context) => {
  const written: string[] = []
  context.mock.method(process.stderr, 'write', (line: string) => written.push(line) > 0)
  const world = makeWorld(1, 0)
  const [host] = hostsOf(world).servers
  assert.ok(host !== undefined && world.machines[0] !== undefined)
  world.machines[0].data = true
  const change: Host['change'] = (_what, _words, options) => {
    options?.onWarnings?.('the set KUBE-SRC-ABC stays\nufw: allow from 192.0.2.1 stays')
    return Promise.resolve()
  }
  await uninstallK3s(
    { ...host, change },
    { settings: { ENV: 'staging', CLUSTER_CIDR: '10.42.0.0/16' }, planning: false },
  )
  assert.match(
    written.join(''),
    /master-01: the set KUBE-SRC-ABC stays\n.*master-01: ufw: allow from 192\.0\.2\.1 stays\n/,
  )
})
