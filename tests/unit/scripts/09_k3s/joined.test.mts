import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import type { Hosts } from '../../../../lib/hosts/hosts.mts'
import { joinedPart, requireSameIdentity, type Identity } from '../../../../scripts/09_k3s/host/joined.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { memberGone } from '../../../../scripts/09_k3s/nodes/readiness.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { requireFit } from '../../../../scripts/09_k3s/preflight/run.mts'
import { documentOf, hostsOf, makeWorld, untilNow, type World } from './machines.mts'
import { settings, versions } from './staging.mts'

// A machine that joined a cluster and is given another name, address or role: nothing is written to any host.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-joined-'))
after(() => rmSync(folder, { recursive: true }))

const lay = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

/** The real shell, in a folder that stands in for the host's root. */
const asked = (): string[] =>
  execFileSync('sh', ['-c', `${joinedPart}exit 0`.replace(/(?<![\w.])\/(var|etc)\//g, `${folder}/$1/`)], {
    encoding: 'utf8',
  })
    .trim()
    .split('\n')

test('a host says what it joined as, once it has registered its Node', () => {
  const config = (name: string) =>
    `node-name: ${name}\nnode-ip: 192.0.2.11\nadvertise-address: 192.0.2.11\nnode-taint:\n`
  lay('etc/rancher/k3s/config.yaml', config('m1'))
  assert.deepEqual(asked(), [''])
  lay('etc/rancher/node/password', 'x')
  assert.deepEqual(asked(), ['node node-name: m1', 'node advertise-address: 192.0.2.11', 'node etcd:'])
  lay('etc/rancher/k3s/config.yaml', config('"1e3"'))
  lay('var/lib/rancher/k3s/server/db/etcd/name', 'm1-0a1b2c3d')
  assert.equal(asked()[0], 'node node-name: "1e3"')
  assert.equal(asked().at(-1), 'node etcd: m1-0a1b2c3d')
})

const master: Identity = {
  name: 'm2',
  address: '192.0.2.12',
  role: 'master',
  hostname: 'm2',
  addresses: ['127.0.0.1', '192.0.2.12', '10.42.1.1'],
  joined: [
    ['node-name:', 'm2'],
    ['advertise-address:', '192.0.2.12'],
    ['etcd:', 'm2-0a1b2c3d'],
  ],
}
const worker: Identity = {
  ...master,
  role: 'worker',
  joined: [
    ['node-name:', '"m2"'],
    ['etcd:', ''],
  ],
}

const refusal = (machines: readonly Identity[], masters = 3): KitError => {
  try {
    requireSameIdentity(machines, 'staging', masters)
  } catch (thrown) {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    return thrown
  }
  assert.fail('nothing was refused')
}

const takeOut = (name: string) =>
  `./00_master_install.mjs --module 9 --env staging --uninstall --limit ${name} --confirm ${name}`

for (const [what, machine, message, hint] of [
  [
    'another name in servers.tsv',
    { ...master, name: 'm9', hostname: 'm9' },
    'm9 joined its cluster as m2, and servers.tsv calls it m9',
    takeOut('m2'),
  ],
  [
    'another name that an earlier run wrote into its configuration',
    { ...master, name: 'm9', joined: [['node-name:', 'm9'], ...master.joined.slice(1)] },
    'm9 joined its cluster as m2, and servers.tsv calls it m9',
    'HOSTNAME m2 back',
  ],
  [
    'another name of a worker in servers.tsv',
    { ...worker, name: 'm9' },
    'm9 joined its cluster as m2, and servers.tsv calls it m9',
    'hostnamectl set-hostname m2',
  ],
  [
    'another name of its own',
    { ...master, hostname: 'm2-new' },
    'm2 joined its cluster as m2, and calls itself m2-new now',
    'hostnamectl set-hostname m2',
  ],
  [
    'another address in servers.tsv',
    { ...master, address: '192.0.2.52', addresses: ['192.0.2.52'] },
    'm2 joined its cluster as 192.0.2.12, and servers.tsv says 192.0.2.52',
    takeOut('m2'),
  ],
  [
    'another address on its interfaces',
    { ...master, addresses: ['192.0.2.52'] },
    'm2 joined its cluster as 192.0.2.12, and its interfaces carry 192.0.2.52',
    'give m2 its address 192.0.2.12 back',
  ],
  [
    'another role',
    { ...worker, role: 'master' },
    'm2 joined its cluster as worker, and servers.tsv makes it a master',
    'SUBROLE worker back',
  ],
] as const) {
  test(`a machine of a cluster with ${what} is exit 5`, () => {
    const thrown = refusal([master, machine])
    assert.equal(thrown.message, message)
    assert.ok(thrown.hint?.includes(hint), thrown.hint)
    assert.ok(thrown.details.includes('Nothing was written.'))
  })
}

test('what has not joined, is as it was, or is a worker at another address may go on', () => {
  const fresh = { ...master, joined: [], hostname: 'other', addresses: [] }
  const moved = { ...worker, address: '192.0.2.52', addresses: ['192.0.2.52'] }
  requireSameIdentity([master, worker, fresh, moved, { ...master, hostname: undefined }], 'staging', 3)
})

test('the only master, and several that moved at once, are not told to leave: nobody could go on', () => {
  const moved = { ...master, address: '192.0.2.52', addresses: ['192.0.2.52'] }
  assert.doesNotMatch(refusal([moved], 1).hint ?? '', /--uninstall/)
  const both = refusal([
    moved,
    {
      ...moved,
      name: 'm3',
      hostname: 'm3',
      joined: [
        ['node-name:', 'm3'],
        ['advertise-address:', '192.0.2.13'],
      ],
    },
  ])
  assert.doesNotMatch(both.hint ?? '', /--uninstall/)
  assert.match(both.details[0] ?? '', /^m3 joined its cluster as 192\.0\.2\.13/)
})

/** Steps 02 and 03. */
async function install(world: World): Promise<void> {
  const hosts = hostsOf(world)
  const keep = () => assert.fail('the settings have both tokens')
  const shared = { ...hosts, settings, keep, versions, until: untilNow }
  await ensureServers({ ...shared, known: world.nodes.size > 0 })
  await ensureWorkers(shared)
}

for (const [name, change, seen] of [
  ['master-02', { name: 'master-09' }, 'master-09 joined its cluster as master-02'],
  [
    'master-02',
    { address: '192.0.2.99' },
    'joined its cluster as 192.0.2.12, and servers.tsv says 192.0.2.99',
  ],
  ['worker-01', { name: 'worker-09' }, 'worker-09 joined its cluster as worker-01'],
] as const) {
  test(`${name} with ${JSON.stringify(change)} in servers.tsv: steps 02 and 03 write to no host`, async () => {
    const world = makeWorld(3, 1)
    await install(world)
    Object.assign(world.machines.find((one) => one.name === name) ?? {}, change)
    world.writes = 0
    await assert.rejects(install(world), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.ok([thrown.message, ...thrown.details].some((line) => line.includes(seen)))
      return true
    })
    assert.equal(world.writes, 0)
  })
}

test('step 01 refuses before it looks at anything else, and only for a K3s of ours', async () => {
  const document = (lines: string) =>
    documentOf({ address: '192.0.2.12' }).replace(/^end 1$/m, `${lines}\nend 1`)
  const hostSaying = (text: string): Host =>
    ({
      name: 'master-02',
      address: '192.0.2.12',
      look: () => Promise.resolve({ sums: new Map(), said: text }),
    }) as unknown as Host
  const hosts = (text: string) =>
    ({ servers: [], masters: [hostSaying(text)], workers: [], lost: [], members: [] }) as Omit<Hosts, 'close'>
  const old = 'node node-name: master-02\nnode advertise-address: 192.0.2.77'
  const exitOf = (text: string): Promise<unknown> =>
    requireFit(hosts(text), settings, 'x86_64').then(
      () => undefined,
      (thrown: unknown) => (thrown instanceof KitError ? thrown.exitCode : thrown),
    )
  assert.equal(await exitOf(document(`ours yes\n${old}`)), exitCodes.conflict)
  assert.equal(await exitOf(document(old)), exitCodes.preflight)
})

test('a server that leaves has its vote until its member is gone, whatever address that has', async () => {
  const saying = (name: string): Host => {
    const members = JSON.stringify({ members: [{ name, peerURLs: ['https://192.0.2.12:2380'] }] })
    const answer = { code: 0, stdout: `readyz=ok\nmembers=${members}\n`, stderr: '' }
    return { name: 'm1', address: '192.0.2.11', read: () => Promise.resolve(answer) } as unknown as Host
  }
  const leaving = { name: 'm2', address: '192.0.2.52' } as Host
  assert.equal(await memberGone(leaving, saying('m2-0a1b2c3d')).missing(), 'it still has its vote')
  assert.equal(await memberGone(leaving, saying('m3-0a1b2c3d')).missing(), '')
})
