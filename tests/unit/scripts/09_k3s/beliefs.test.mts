import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { createUntil } from '../../../../lib/base/poll.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import type { Hosts } from '../../../../lib/hosts/hosts.mts'
import type { Setting } from '../../../../lib/settings/settings.mts'
import { fixedIn, fixedScript, requireSameFixed } from '../../../../scripts/09_k3s/host/fixed.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { reasonsOf } from '../../../../scripts/09_k3s/nodes/healthy-server.mts'
import { lastWordsOf } from '../../../../scripts/09_k3s/nodes/journal.mts'
import { missingIn, readyWorker, serverIsHealthy } from '../../../../scripts/09_k3s/nodes/readiness.mts'
import { unitIn } from '../../../../scripts/09_k3s/nodes/unit-state.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { requireSameCluster } from '../../../../scripts/09_k3s/preflight/same-cluster.mts'
import { removeNode } from '../../../../scripts/09_k3s/remove/remove-node.mts'
import type { TeardownRun } from '../../../../lib/hosts/teardown.mts'
import { teardown } from '../../../../scripts/09_k3s/remove/teardown.mts'
import { tokenProblem } from '../../../../scripts/09_k3s/settings-tokens.mts'
import { hostsOf, machineOf, makeWorld, untilNow, type World } from './machines.mts'
import { settings, versions } from './staging.mts'

// Where K3s does otherwise than one would think, as it was seen on K3s v1.36.3: what it fixes for good, starts that
// take their time, and what it says when it does not come.

const shared = {
  settings,
  versions,
  until: untilNow,
  keep: () => assert.fail('the settings have both tokens'),
}

async function install(world: World, given = settings): Promise<void> {
  const hosts = hostsOf(world)
  await ensureServers({ ...shared, ...hosts, settings: given, known: world.nodes.size > 0 })
  await ensureWorkers({ ...shared, ...hosts, settings: given })
}

const installed = async (masters: number, workers: number): Promise<World> => {
  const world = makeWorld(masters, workers)
  await install(world)
  world.writes = 0
  return world
}

const exit5 =
  (...texts: readonly RegExp[]) =>
  (thrown: unknown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    const said = [thrown.message, ...thrown.details, thrown.hint].join('\n')
    for (const text of texts) assert.match(said, text)
    return true
  }

for (const [key, setting, other] of [
  ['cluster-cidr', 'CLUSTER_CIDR', '10.52.0.0/16'],
  ['service-cidr', 'SERVICE_CIDR', '10.53.0.0/16'],
  ['cluster-dns', 'CLUSTER_DNS', '10.43.0.20'],
  ['flannel-backend', 'FLANNEL_BACKEND', 'host-gw'],
] as const) {
  test(`another ${setting} than the cluster was made with: exit 5 with both values, and no host is written to`, async () => {
    const world = await installed(3, 1)
    await assert.rejects(
      install(world, { ...settings, [setting]: other }),
      exit5(
        new RegExp(`^${setting}: not what the cluster was made with`),
        new RegExp(
          `${setting}: ${settings[setting]} in .*config.yaml of master-03, ${other} in the settings`,
        ),
        // Which side was changed nothing on the hosts tells: both ways, and what does tell.
        new RegExp(
          `kubectl get configmap cluster .*write into 09_k3s.env of this environment: ${setting}='${settings[setting]}'; ` +
            `if it is what the settings have: on master-01, master-02, master-03 write "${key}: ${other}" into`,
        ),
      ),
    )
    assert.equal(world.writes, 0)
    assert.deepEqual(world.broken, [])
    assert.match(
      machineOf(world, 'master-01').files.get('/etc/rancher/k3s/config.yaml') ?? '',
      new RegExp(`${key}: `),
    )
  })
}

test('all values that differ are told at once; one changed by hand on a single server is to be put back there', () => {
  const alike = [
    ['cluster-cidr', settings.CLUSTER_CIDR],
    ['service-cidr', settings.SERVICE_CIDR],
    ['cluster-dns', settings.CLUSTER_DNS],
    ['flannel-backend', settings.FLANNEL_BACKEND],
    ['secrets-encryption', 'true'],
  ] as const
  const one = { name: 'master-01', fixed: new Map<string, string>(alike) }
  const two = {
    name: 'master-02',
    fixed: new Map<string, string>([
      ...alike,
      ['cluster-dns', '10.43.0.20'],
      ['secrets-encryption', 'false'],
    ]),
  }
  const worker = { name: 'worker-01', fixed: new Map<string, string>() }
  requireSameFixed([one, worker], settings)
  assert.throws(
    () => requireSameFixed([one, two, worker], settings),
    exit5(
      /^CLUSTER_DNS, secrets-encryption: not what/,
      /CLUSTER_DNS: 10\.43\.0\.20 in .* of master-02, 10\.43\.0\.10 in the settings/,
      /secrets-encryption: false in .* of master-02, true in every cluster of the kit/,
      /09_k3s.env of this environment: CLUSTER_DNS='10\.43\.0\.20', and into \S+config.yaml of the other masters too/,
      /if it is what the settings have: on master-02 write "cluster-dns: 10\.43\.0\.10", "secrets-encryption: true" into/,
    ),
  )
  const without = { name: 'master-03', fixed: new Map<string, string>(alike.slice(0, 4)) }
  assert.throws(
    () => requireSameFixed([one, without], settings),
    exit5(
      /secrets-encryption: nothing in .* master-03/,
      /^changed by hand: on master-03 write "secrets-encryption: true" into/m,
    ),
  )
})

test('what a member is told is read from its config.yaml by a real sed, as hands may have written it; others say nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-fixed-'))
  try {
    const here = fixedScript.replaceAll(/\/(etc|var)\//g, `${folder}/$1/`)
    const ask = () => fixedIn(execFileSync('sh', ['-c', `${here}; :`], { encoding: 'utf8' }))
    mkdirSync(join(folder, 'etc/rancher/k3s'), { recursive: true })
    writeFileSync(
      join(folder, 'etc/rancher/k3s/config.yaml'),
      `# ours\ntoken: cluster-cidr\ncluster-cidr: "10.42.0.0/16"\nservice-cidr: '10.43.0.0/16' # Services\nflannel-backend:   vxlan\nsecrets-encryption: true\n`,
    )
    assert.equal(ask().size, 0)
    // A host that has not joined yet has the folder already.
    mkdirSync(join(folder, 'var/lib/rancher/k3s/server/db/etcd'), { recursive: true })
    assert.equal(ask().size, 0)
    mkdirSync(join(folder, 'var/lib/rancher/k3s/server/db/etcd/member/wal'), { recursive: true })
    assert.deepEqual(Object.fromEntries(ask()), {
      'cluster-cidr': '10.42.0.0/16',
      'service-cidr': '10.43.0.0/16',
      'flannel-backend': 'vxlan',
      'secrets-encryption': 'true',
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a run for a worker alone asks the masters too before it writes a firewall', async () => {
  const server = {
    name: 'master-01',
    read: () => Promise.resolve({ code: 0, stdout: 'node cluster-cidr: 10.52.0.0/16\n', stderr: '' }),
  } as unknown as Host
  await assert.rejects(requireSameCluster([server], [], settings), exit5(/^CLUSTER_CIDR/))
})

test('servers and agents that start by themselves after a power cut are waited for, not started anew', async () => {
  const world = await installed(3, 1)
  for (const one of world.machines) Object.assign(one, { active: false, starting: true })
  await install(world)
  assert.deepEqual(world.broken, [])
  assert.equal(world.writes, 0)
  assert.ok(world.machines.every(({ active }) => active))
})

test('a start that ended before, or that etcd was put out of the cluster in, is not waited for', () => {
  const unit = (more: string) => unitIn(`ActiveState=activating\n${more}\nInvocationID=a\n`)
  assert.equal(unit('SubState=start\nNRestarts=0').isFirstTry, true)
  assert.equal(unit('SubState=auto-restart\nNRestarts=1').isFirstTry, false)
  assert.equal(unit('SubState=start\nNRestarts=3').isFirstTry, false)
  const both =
    'ActiveState=failed\nSubState=failed\nNRestarts=5\nInvocationID=a\n\nActiveState=active\nSubState=running\nNRestarts=0\nInvocationID=b\n'
  assert.deepEqual([unitIn(both).state, unitIn(both).invocation], ['active', 'b'])
  assert.equal(unitIn('').state, '')
})

test('a restart is known by its own start: what the process that ends answers is not believed', async () => {
  const world = await installed(3, 2)
  for (const one of world.machines) one.started = 'with another configuration'
  await install(world)
  assert.deepEqual(world.broken, [])
  const answer = 'ActiveState=active\nInvocationID=a\nreadyz=ok\nprogram=v1\nnode=True v1\nvoters=m:True\n'
  const missing = (before?: string) => missingIn(answer, { address: '192.0.2.11' }, 'others', before).join()
  assert.equal(missing('b'), '')
  assert.equal(missing('a'), 'its service has not started anew yet')
  const starting = answer.replace('=active', '=activating')
  assert.equal(
    missingIn(starting, { address: '192.0.2.11' }, 'others').join(),
    'its service is not active yet',
  )
})

test('an agent that runs and has no Node is restarted: a kubelet registers only as it starts', async () => {
  const world = await installed(3, 2)
  world.nodes.delete('worker-01')
  await install(world)
  assert.equal(world.nodes.has('worker-01'), true)
  assert.deepEqual([machineOf(world, 'worker-01').starts, machineOf(world, 'worker-02').starts], [2, 1])
})

/** A host that answers with these texts, by what is asked. */
const saying = (name: string, answers: Readonly<Record<string, string>>): Host =>
  ({
    name,
    address: '192.0.2.11',
    read: (words: readonly string[], { shown = words.join(' ') } = {}) =>
      Promise.resolve({
        code: 0,
        stdout: Object.entries(answers).find(([asked]) => shown.includes(asked))?.[1] ?? '',
        stderr: '',
      }),
  }) as unknown as Host

// As K3s v1.36.3 wrote them.
const retry =
  'time="2026-11-29T10:00:00Z" level=info msg="Waiting to retrieve agent configuration; server is not ready: '
const journals = {
  token: `${retry}failed to retrieve configuration from server: not authorized"`,
  ca: 'time="2026-11-29T10:00:00Z" level=error msg="Failed to validate connection to cluster at https://10.99.0.52:6443: token CA hash does not match the Cluster CA certificate hash: 1 != 2"',
  password: `${retry}/var/lib/rancher/k3s/agent/serving-kubelet.crt: Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag"`,
  route:
    'time="2026-11-29T10:00:00Z" level=error msg="Unable to reconcile with remote datastore: Get "https://10.99.0.51:6443/v1-k3s/server-bootstrap": dial tcp 10.99.0.51:6443: connect: no route to host"',
  disk: '{"level":"warn","ts":"2026-11-29T10:00:00Z","msg":"failed to save","error":"write member/wal/0.tmp: no space left on device"}',
  inotify:
    'E1129 10:00:00.000000    1804 kubelet.go:1804] "Failed to start cAdvisor" err="inotify_init: too many open files"',
  iptables:
    'time="2026-11-29T10:00:00Z" level=fatal msg="Shutdown request received: \\"kube-proxy exited: iptables is not available on this host : error listing chain \\\\\\"POSTROUTING\\\\\\" in table \\\\\\"nat\\\\\\": executable file not found in $PATH: \\""',
  fatal:
    'time="2026-11-29T10:00:00Z" level=fatal msg="flannel exited: subnet "10.52.0.0/16" specified in the flannel net config doesn\'t contain "10.42.0.0/24" PodCIDR"',
}
const api =
  'E1129 10:00:00.000000    1804 reflector.go:205] "Failed to watch" err="failed to list *v1.Node: Get "https://127.0.0.1:6444/api/v1/nodes": dial tcp 127.0.0.1:6444: connect: connection refused"'
const times = (line: string, many: number) => `${line}\n`.repeat(many)

for (const [kind, means] of [
  ['token', 'its token is refused'],
  ['ca', 'its token is of a cluster with another CA'],
  ['password', 'the cluster knows another machine by its name'],
] as const) {
  test(`an agent that is refused for ever (${kind}) is told at once, with the line that says it: exit 9`, async () => {
    const unit = 'ActiveState=activating\nSubState=start\nNRestarts=0\nInvocationID=a\n'
    const asked = (many: number) =>
      saying('worker-01', {
        'ask whether the agent runs': `${unit}${times(journals[kind], many)}`,
        journalctl: `${times(api, 200)}${times(journals[kind], many)}${times(api, 30)}`,
      })
    // One refusal may be a server's that starts.
    assert.equal(await readyWorker(asked(1), asked(1)).missing(), means)
    await assert.rejects(createUntil(false)(readyWorker(asked(3), asked(3))), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
      assert.equal(thrown.message, `worker-01 did not become ready: it is refused: ${means}`)
      const [line = '', fix = '', ...more] = thrown.details
      assert.equal(line, `k3s-agent: ${journals[kind]}`)
      assert.match(fix, new RegExp(`^${means}: `))
      assert.deepEqual(more, [])
      return true
    })
  })
}

test('the reason of a unit that does not come is the line that says it, never what its parts say of an API that is away', async () => {
  const words = (journal: string) => lastWordsOf(saying('master-02', { journalctl: journal }), 'k3s')
  const [disk = '', fix = ''] = await words(`${times(api, 100)}${journals.disk}\n${times(api, 200)}`)
  assert.equal(disk, `k3s: ${journals.disk}`)
  assert.match(fix, /^a disk is full: on master-02: df -h/)
  assert.match(
    (await words(`${journals.inotify}\n${times(api, 20)}`)).join(),
    /too many open files.*inotify/s,
  )
  assert.match(
    (await words(`${journals.iptables}\n${times(api, 200)}`)).join('\n'),
    /^k3s: .*kube-proxy exited: iptables is not available.*\nno iptables works there: on master-02: iptables -t nat -S/,
  )
  // Said in passing by each start: a reason only where it is nearly all that is said.
  assert.match(
    (await words(times(journals.route, 5))).join(),
    /no route to host.*it does not reach a server/s,
  )
  const cut = (line: string) => (line.length > 200 ? `${line.slice(0, 199)}…` : line)
  assert.deepEqual(
    await words(`${times(journals.route, 2)}${journals.fatal}\n${times(api, 50)}`),
    ['the last words of k3s:', journals.route, journals.route, journals.fatal].map(cut),
  )
  const [, last = ''] = await words(`${journals.disk}\n${journals.fatal}\n`)
  assert.equal(last, `k3s, at last: ${journals.fatal}`)
})

/** How often each master is asked for its health alone by step 02. */
async function askedForHealth(world: World): Promise<number[]> {
  const asked = new Map<string, number>()
  const counting = (some: readonly Host[]) =>
    some.map((one): Host => ({
      ...one,
      read: async (words, options) => {
        if (options?.shown === 'ask whether this server is healthy')
          asked.set(one.name, (asked.get(one.name) ?? 0) + 1)
        return one.read(words, options)
      },
    }))
  const hosts = hostsOf(world)
  await ensureServers({
    ...shared,
    ...hosts,
    servers: counting(hosts.servers),
    masters: counting(hosts.masters),
    known: true,
  })
  return hosts.masters.map(({ name }) => asked.get(name) ?? 0)
}

test('a master tells its health with its state; after another one was started the answers of before do not count', async () => {
  const world = await installed(3, 0)
  assert.deepEqual(await askedForHealth(world), [0, 0, 0])
  machineOf(world, 'master-01').started = ''
  // Also before and after the start itself: the others are whole, and it is healthy.
  const [first = 0, ...others] = await askedForHealth(world)
  assert.equal(machineOf(world, 'master-01').starts, 2)
  assert.ok(first >= 1)
  assert.deepEqual(others, [2, 2])
})

/** Masters whose service ends again and again, each with this journal. */
async function allFail(journal: () => string): Promise<{ world: World; hosts: Hosts }> {
  const world = await installed(3, 1)
  for (const one of world.machines)
    if (one.role === 'master') Object.assign(one, { active: false, failing: true })
  const over = (some: readonly Host[]) =>
    some.map((one): Host => ({
      ...one,
      read: async (words, options) =>
        words[0] === 'journalctl'
          ? Promise.resolve({ code: 0, stdout: journal(), stderr: '' })
          : one.read(words, options),
    }))
  const hosts = hostsOf(world)
  return { world, hosts: { ...hosts, servers: over(hosts.servers), masters: over(hosts.masters) } }
}

const token =
  'time="2026-11-29T10:00:00Z" level=fatal msg="Error: preparing server: bootstrap data already found and encrypted with different token"'

for (const [who, ask] of [
  ['a server that must be started', (hosts: Hosts) => ensureServers({ ...shared, ...hosts, known: true })],
  ['a worker that joins', (hosts: Hosts) => ensureWorkers({ ...shared, ...hosts })],
  [
    'a worker that leaves',
    async (hosts: Hosts) => {
      const [worker] = hosts.workers
      assert.ok(worker)
      await removeNode(worker, 'worker', ending(hosts))
    },
  ],
] as const) {
  test(`where all masters fail alike, ${who} is told the line of a journal that says why`, async () => {
    const { world, hosts } = await allFail(() => `${times(api, 100)}${token}\n${times(api, 100)}`)
    await assert.rejects(ask(hosts), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.ok(thrown.details.includes(`k3s: ${token}`), thrown.details.join('\n'))
      assert.doesNotMatch(thrown.details.join('\n'), /reflector/)
      return true
    })
    assert.deepEqual(world.broken, [])
    assert.ok(world.machines.every(({ role, active }) => role === 'worker' || !active))
  })
}

test('what each master lacks is told where none is healthy; an empty journal or one that cannot be read hides none of it', async () => {
  const lacks = ['1', '2', '3'].map((at) => `master-0${at}: its API does not answer yet`)
  const details = async (journal: () => string) => {
    const { hosts } = await allFail(journal)
    return ensureWorkers({ ...shared, ...hosts }).then(
      () => assert.fail('no master is healthy'),
      (thrown: unknown) => (thrown as KitError).details,
    )
  }
  const untouched = 'No service of a worker was touched.'
  assert.deepEqual(await details(() => ''), [...lacks, untouched])
  const broken = await details(() => {
    throw new Error('journalctl is not there')
  })
  assert.deepEqual(broken, [...lacks, 'its log cannot be read: journalctl is not there', untouched])
})

test('the journal of a server that waits for others, or whose API answers, is no reason', async () => {
  const host = saying('master-02', { journalctl: token })
  for (const missing of ['its etcd has no leader', 'its Node is not Ready yet', ''])
    assert.deepEqual(await reasonsOf(host, missing), [])
  for (const missing of ['its service failed', 'its API does not answer yet'])
    assert.equal((await reasonsOf(host, missing))[0], `k3s: ${token}`)
})

test('a server whose etcd has no leader says so, and on how many servers K3s runs', async () => {
  const health =
    'ActiveState=activating\nSubState=start\nNRestarts=0\nInvocationID=a\nreadyz=\n{"health":"false","reason":"RAFT NO LEADER"}\n'
  const [one, two, three] = [
    saying('master-01', { 'is healthy': health, 'is-active': 'activating\n' }),
    saying('master-02', { 'is-active': 'inactive\n' }),
    saying('master-03', { 'is-active': 'failed\n' }),
  ] as const
  assert.equal(
    await serverIsHealthy(one, { members: [one, two, three] }).missing(),
    'its etcd has no leader: K3s runs on 1 of 3 servers, not on master-02, master-03',
  )
  assert.equal(await serverIsHealthy(one).missing(), 'its etcd has no leader')
})

test('a server that leaves is disabled too: what keeps it from starting again lies in /run, which a reboot empties', async () => {
  const world = await installed(3, 0)
  const told: string[] = []
  const hosts = hostsOf(world)
  const [host] = hosts.masters.slice(-1).map((one): Host => ({
    ...one,
    change: (what, words, options) => {
      told.push(`${what}: ${words.join(' ')}`)
      return one.change(what, words, options)
    },
  }))
  assert.ok(host)
  await removeNode(host, 'master', { settings, until: untilNow, planning: false, released: true, hosts })
  assert.match(
    told.find((one) => one.startsWith('K3s shall not start')) ?? '',
    /systemctl disable --quiet k3s/,
  )
})

/** The machines, with another answer of `k3s etcd-snapshot save` on some. */
function savingBy(world: World, save: (name: string) => Promise<boolean>): Hosts {
  const hosts = hostsOf(world)
  const over = (some: readonly Host[]) =>
    some.map((one): Host => ({
      ...one,
      change: async (what, words, options) => {
        if (what !== 'save a last snapshot' || (await save(one.name))) await one.change(what, words, options)
      },
    }))
  return { ...hosts, masters: over(hosts.masters), servers: over(hosts.servers) }
}

/** As an uninstall of the whole cluster. */
async function endCluster(run: TeardownRun): Promise<void> {
  await teardown.saveCluster(run)
  await teardown.destroyCluster(run)
}

const ending = (hosts: Hosts) => ({ settings, until: untilNow, planning: false, released: true, hosts })

test('a last snapshot that ended with 0 and left no file is none: exit 9, and no host is touched', async () => {
  const world = await installed(3, 1)
  const tried: string[] = []
  const hosts = savingBy(world, (name) => Promise.resolve(tried.push(name) === 0))
  await assert.rejects(endCluster(ending(hosts)), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
    assert.equal(thrown.message, 'no last snapshot of etcd could be saved')
    assert.match(
      thrown.details.join('\n'),
      /^master-02: k3s etcd-snapshot save ended with 0, and no file is there$/m,
    )
    return true
  })
  assert.deepEqual(tried, ['master-01', 'master-02', 'master-03'])
  assert.equal(world.writes, 0)
  assert.ok(world.machines.every(({ active }) => active))
  await endCluster({ ...ending(hosts), planning: true })
})

test('where the first server cannot save one the next does', async () => {
  const world = await installed(3, 0)
  const full = new KitError('master-01: save a last snapshot failed', { exitCode: exitCodes.rolloutFailed })
  const tried: string[] = []
  const hosts = savingBy(world, (name) => {
    tried.push(name)
    return name === 'master-01' ? Promise.reject(full) : Promise.resolve(true)
  })
  await endCluster(ending(hosts))
  assert.deepEqual(tried, ['master-01', 'master-02'])
  assert.ok(world.machines.every(({ active }) => !active))
})

test('a snapshot counts by a real find when it is whole, has bytes, and an uninstall of these minutes has saved it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-snapshots-'))
  try {
    const world = await installed(1, 0)
    const hosts = hostsOf(world)
    const tried: string[] = []
    const [master] = hosts.masters.map((one): Host => ({
      ...one,
      change: (what, ...more) => {
        tried.push(what)
        return one.change(what, ...more)
      },
      read: (words, options) => {
        if (words[0] !== 'find') return one.read(words, options)
        const [program, , ...conditions] = words
        const stdout = execFileSync(program, [folder, ...conditions], { encoding: 'utf8' })
        return Promise.resolve({ code: 0, stdout, stderr: '' })
      },
    }))
    assert.ok(master)
    const end = () => endCluster(ending({ ...hosts, masters: [master], servers: [master] }))
    const own = (at: number) => join(folder, `keybuzz-uninstall-master-01-${at}`)
    writeFileSync(`${own(1)}.part`, 'half')
    writeFileSync(own(2), '')
    writeFileSync(own(3), 'of an uninstall that was given up')
    const tenMinutesAgo = Date.now() / 1000 - 600
    utimesSync(own(3), tenMinutesAgo, tenMinutesAgo)
    // It lacks what was written since; K3s says nothing of where a snapshot comes from.
    writeFileSync(join(folder, 'on-demand-master-01-4'), 'of an operator, a while ago')
    await assert.rejects(end(), /no last snapshot/)
    writeFileSync(own(5), 'whole')
    await end()
    assert.equal(tried.filter((what) => what === 'save a last snapshot').length, 1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a token K3s cannot begin with is refused in the setting', () => {
  const { validate } = k3s.settings.find(({ key }) => key === 'K3S_AGENT_TOKEN') as Setting
  assert.equal(validate, tokenProblem)
  for (const token of [
    'a'.repeat(64),
    'server-token-of-the-tests',
    'abcdef.0123456789abcde',
    'ABCDEF.0123456789abcdef',
  ])
    assert.equal(tokenProblem(token), undefined, token)
  assert.match(tokenProblem('abcdef.0123456789abcdef') ?? '', /bootstrap token/)
  assert.match(tokenProblem(`K10${'a'.repeat(64)}::server:x`) ?? '', /behind the last colon/)
  assert.match(tokenProblem('with:colon') ?? '', /colon/)
  assert.match(tokenProblem('with blank') ?? '', /white space/)
})
