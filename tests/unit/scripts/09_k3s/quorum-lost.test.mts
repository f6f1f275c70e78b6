import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../../lib/base/files.mts'
import { createUntil } from '../../../../lib/base/poll.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import { takeMajority } from '../../../../lib/hosts/masters-lock.mts'
import { checks } from '../../../../scripts/09_k3s/checks.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { quorumLost } from '../../../../lib/hosts/quorum-lost.mts'
import { serverConfig, type WithTokens } from '../../../../scripts/09_k3s/nodes/config.mts'
import { requireOthersWhole } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { planFormation } from '../../../../scripts/09_k3s/nodes/formation.mts'
import type { HostState } from '../../../../scripts/09_k3s/nodes/host-state.mts'
import { serverIsHealthy } from '../../../../scripts/09_k3s/nodes/readiness.mts'
import { settings } from './staging.mts'

// The way out of a lost quorum: the lines of the README, as they were run on K3s v1.36.3, and what leads there.
// tests/practice/k3s-itself.bats types them on K3s.

const readme = readFileSync(join(root, 'scripts/09_k3s/README.md'), 'utf8')

/** The lines an operator types, by the mark before their block. */
const typed = Object.fromEntries(
  [...readme.matchAll(/^ *<!-- typed: (\w+) -->\n\n *```\n([^`]*?)\n *```$/gm)].map(
    ([, name = '', lines = '']) => [name, lines.split('\n').map((line) => line.trim())],
  ),
)

const server = '/var/lib/rancher/k3s/server'
const reset = '/usr/local/bin/k3s server --cluster-reset'
const curl = 'curl -sS --max-time 10 --cacert server-ca.crt --cert client.crt --key client.key -d'
const recorded = {
  members: [`cd ${server}/tls/etcd`, `${curl} '{}' https://127.0.0.1:2382/v3/cluster/member/list`],
  remove: [`${curl} '{"ID":"13207443136791438755"}' https://127.0.0.1:2382/v3/cluster/member/remove`],
  others: ['systemctl disable --now k3s', `mv ${server}/db ${server}/db.away`],
  survivor: [
    'systemctl stop k3s',
    `sed -i 's/^server:/#server:/' /etc/rancher/k3s/config.yaml`,
    'mkdir -p /var/backups',
    `du -sh ${server}`,
    `df -h /var/backups ${server}/db`,
    `cp -a ${server} /var/backups/k3s-server.before`,
  ],
  reset: [reset],
  restore: [
    `snapshot=$(ls -t ${server}/db/snapshots/* | grep -v '\\.part$' | head -n 1)`,
    'echo "$snapshot"',
    `${reset} --cluster-reset-restore-path="$snapshot"`,
  ],
  again: [`rm ${server}/db/reset-flag`],
  start: ['systemctl start k3s'],
  bare: [
    'systemctl stop k3s',
    `rm -rf ${server}`,
    'snapshot=$(ls -t /var/backups/keybuzz-k3s/* | head -n 1)',
    `${reset} --cluster-reset-restore-path="$snapshot"`,
    'systemctl start k3s',
  ],
  rotate: ['/usr/local/bin/k3s token rotate'],
  passwd: ['systemctl stop k3s', `rm ${paths.passwd}`, 'systemctl start k3s'],
  own: [
    'kubectl -n kube-system delete hpa,pdb keybuzz-coredns keybuzz-metrics-server',
    'kubectl -n kube-system scale deployment coredns metrics-server --replicas=1',
    `kubectl -n kube-system patch service kube-dns --type=merge -p '{"spec":{"trafficDistribution":null}}'`,
  ],
}

test('the lines of the README are those that were run', () => {
  assert.deepEqual(typed, recorded)
})

test('the practice test types every one of them, but for the one with an ID', () => {
  const practice = readFileSync(join(root, 'tests/practice/k3s-itself.bats'), 'utf8')
  const types = (name: string) => new RegExp(`\\b(type_on master-0\\d|typed) ${name}\\b`).test(practice)
  assert.deepEqual(
    Object.keys(recorded).filter((name) => !types(name)),
    ['remove'],
  )
})

test('they are plain sh', () => {
  for (const lines of Object.values(typed)) execFileSync('sh', ['-n'], { input: lines.join('\n') })
})

test('its line takes the server out of a configuration of the kit, and nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-quorum-'))
  try {
    const file = join(folder, 'config.yaml')
    const node = { name: 'm2', address: '192.0.2.12', interface: 'eth1' }
    const before = serverConfig(settings as WithTokens, 'v1.36.3+k3s1', node, {
      joins: '192.0.2.11',
      token: 'K10a::server:b',
    })
    writeFileSync(file, before)
    const line = typed['survivor']?.find((one) => one.startsWith('sed ')) ?? ''
    execFileSync('sh', ['-c', line.replace(paths.config, file)])
    const after = readFileSync(file, 'utf8')
    assert.doesNotMatch(after, /^server:/m)
    assert.equal(after.replace(/^#server:/m, 'server:'), before)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the newest whole snapshot is restored, by a real shell', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-quorum-'))
  try {
    for (const [at, name] of ['old', 'new', 'newest.part'].entries())
      execFileSync('touch', ['-d', `2026-01-0${at + 1}`, join(folder, name)])
    const [choose = '', show = ''] = typed['restore'] ?? []
    const script = `${choose.replace(`${server}/db/snapshots`, folder)}\n${show}`
    assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim(), join(folder, 'new'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the sections that messages name are there', () => {
  const heading = /"(.*)"$/.exec(quorumLost)?.[1]
  assert.equal(heading, 'When most servers are lost')
  for (const name of [heading, 'Members of etcd']) assert.match(readme, new RegExp(`^## ${name}$`, 'm'))
})

const leads = (thrown: unknown): true => {
  assert.ok(thrown instanceof KitError)
  assert.ok(
    [...thrown.details, thrown.hint ?? ''].some((line) => line.includes(quorumLost)),
    thrown.message,
  )
  return true
}

/** A server that waits for the votes of others, as K3s v1.36.3 was seen to. */
const waiting = {
  name: 'm2',
  address: '192.0.2.12',
  read: (words: readonly string[]) =>
    Promise.resolve({
      code: 0,
      stdout: words.includes('is-active')
        ? 'activating\n'
        : 'ActiveState=activating\nSubState=start\nNRestarts=0\nreadyz=\n{"health":"false","reason":"RAFT NO LEADER"}\n',
      stderr: '',
    }),
} as unknown as Host

test('a server without a leader leads there, whether it is waited for or another one is to be started', async () => {
  const awaited = { ...serverIsHealthy(waiting), seconds: 0 }
  await assert.rejects(createUntil(false)(awaited), leads)
  const states = ['m1', 'm2'].map((name) => ({ name, address: name, data: true }))
  await assert.rejects(requireOthersWhole({ name: 'm1', address: '192.0.2.11' }, states, [waiting]), leads)
})

test('too few masters that answer, and masters that hold nothing, lead there too', async () => {
  await assert.rejects(
    takeMajority([], 3, () => {}),
    (thrown) => {
      assert.equal((thrown as KitError).exitCode, exitCodes.unreachable)
      return leads(thrown)
    },
  )
  assert.throws(() => planFormation([{ name: 'm1', data: false }] as HostState[], true), leads)
})

test('so do the checks that see it', () => {
  for (const id of ['k3s.api', 'k3s.etcd'])
    assert.ok(checks.find((one) => one.id === id)?.fix.includes(quorumLost), id)
})
