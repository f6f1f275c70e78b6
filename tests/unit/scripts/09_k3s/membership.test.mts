import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import type { Host } from '../../../../lib/hosts/host.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { createUntil } from '../../../../lib/base/poll.mts'
import { checks } from '../../../../scripts/09_k3s/checks.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { departureIn, nodeGone } from '../../../../scripts/09_k3s/nodes/departure.mts'
import { forgetNode } from '../../../../scripts/09_k3s/nodes/forget-node.mts'
import { readState } from '../../../../scripts/09_k3s/nodes/host-state.mts'
import { lastWordsOf } from '../../../../scripts/09_k3s/nodes/journal.mts'
import { membersPart, removeMember } from '../../../../scripts/09_k3s/nodes/member-list.mts'
import { memberOfOtherHistory, membersIn } from '../../../../scripts/09_k3s/nodes/members.mts'
import { strayPods } from '../../../../scripts/09_k3s/nodes/pod-addresses.mts'
import { missingIn, nodeless, serverIsHealthy } from '../../../../scripts/09_k3s/nodes/readiness.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { removeNode } from '../../../../scripts/09_k3s/remove/remove-node.mts'
import { bare, hostsOf, Killed, machineOf, makeWorld, putOut, untilNow, type World } from './machines.mts'
import { settings, versions } from './staging.mts'

// Who is a member of the cluster: what etcd lists, and what its log on a machine says, as K3s v1.36.3 was seen to do.

const shared = {
  settings,
  versions,
  until: untilNow,
  keep: () => assert.fail('the settings have both tokens'),
}

type Answer = (host: Host, options: Parameters<Host['read']>[1], last: string) => string | undefined

/** Steps 02 and 03; what was done on each host, in order. @param other answers in the place of the machines */
async function install(world: World, other: Answer = () => undefined): Promise<string[]> {
  const done: string[] = []
  const hosts = hostsOf(world)
  const told = (some: readonly Host[]) =>
    some.map((one): Host => ({
      ...one,
      read: (words, options) => {
        const stdout = other(one, options, words.at(-1) ?? '')
        return stdout === undefined
          ? one.read(words, options)
          : Promise.resolve({ code: 0, stdout, stderr: '' })
      },
      change: async (what, words, options) => {
        await one.change(what, words, options)
        if (what !== 'systemctl daemon-reload') done.push(`${one.name}: ${what}`)
      },
    }))
  const servers = told(hosts.servers)
  await ensureServers({ ...shared, ...hosts, servers, masters: servers, known: world.nodes.size > 0 })
  await ensureWorkers({ ...shared, ...hosts, servers, workers: told(hosts.workers) })
  return done
}

const installed = async (masters: number, workers: number): Promise<World> => {
  const world = makeWorld(masters, workers)
  await install(world)
  world.writes = 0
  return world
}

/** One cluster of all machines, and nothing left to do. */
async function assertWhole(world: World): Promise<void> {
  assert.deepEqual(world.broken, [])
  assert.equal(world.begun, 1)
  assert.ok(
    world.machines.every(({ name, active, tombstone }) => active && !tombstone && world.nodes.has(name)),
  )
  world.writes = 0
  await install(world)
  assert.equal(world.writes, 0)
}

for (const name of ['master-01', 'master-03']) {
  test(`${name}, whose Node was deleted while it ran, joins anew: its unit is active, and etcd has put it out`, async () => {
    const world = await installed(3, 1)
    putOut(world, name)
    const done = await install(world)
    assert.deepEqual(done.slice(0, 2), [
      `${name}: stop k3s`,
      `master-0${name.endsWith('1') ? 2 : 1}: delete the pods of ${name}`,
    ])
    assert.equal(machineOf(world, name).starts, 2)
    assert.match(machineOf(world, name).files.get(paths.config) ?? '', /^server: https:/m)
    await assertWhole(world)
  })

  test(`${name}, whose Node was deleted while it was off, is marked as put out: K3s itself may never find out`, async () => {
    const world = await installed(3, 1)
    machineOf(world, name).active = false
    putOut(world, name)
    const done = await install(world)
    assert.deepEqual(
      done.filter((one) => /mark|start/.test(one)),
      [`${name}: mark the database as put out of the cluster`, `${name}: start k3s`],
    )
    assert.match(machineOf(world, name).files.get(paths.config) ?? '', /^server: https:/m)
    await assertWhole(world)
  })

  test(`${name}, whose start waits for ever because etcd has put it out, is started anew`, async () => {
    for (const tombstone of [true, false]) {
      const world = await installed(3, 0)
      Object.assign(machineOf(world, name), { active: false, starting: true })
      putOut(world, name)
      machineOf(world, name).tombstone = tombstone
      await install(world)
      await assertWhole(world)
    }
  })
}

test('a server that was put out joins anew also when the kit is killed after every write in turn', async () => {
  for (let at = 1; at <= 7; at += 1) {
    for (const active of [true, false]) {
      const world = await installed(3, 0)
      machineOf(world, 'master-01').active = active
      putOut(world, 'master-01')
      for (let runs = 0; ; runs += 1) {
        Object.assign(world, { writes: 0, killAfter: at })
        const through = await install(world).then(
          () => true,
          (thrown: unknown) => {
            if (thrown instanceof Killed && runs < 40) return false
            throw thrown
          },
        )
        if (through) break
      }
      world.killAfter = 0
      await assertWhole(world)
    }
  }
})

test('a server that is off and listed is a member as before: nothing is forgotten, and it starts once', async () => {
  const world = await installed(3, 0)
  machineOf(world, 'master-02').active = false
  assert.deepEqual(await install(world), ['master-02: start k3s'])
  await assertWhole(world)
})

test('a server that was reset while the others were away is not started beside them: exit 5 names both ways out', async () => {
  for (const starting of [false, true]) {
    const world = await installed(3, 1)
    Object.assign(machineOf(world, 'master-02'), { active: false, starting, etcd: 'master-02-54e77605' })
    await assert.rejects(install(world), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.conflict)
      assert.equal(thrown.message, 'master-02 holds another history of the cluster than the servers that run')
      assert.match(
        thrown.details[0] ?? '',
        /list it as master-02-1f1f1f1f, its own database as master-02-54e77605/,
      )
      assert.match(
        thrown.hint ?? '',
        /on master-02: systemctl disable --now k3s; mv \/var\/lib\/rancher\/k3s\/server\/db \/var\/lib\/rancher\/k3s\/server\/db\.away; .*README\.md, "When most servers are lost"$/,
      )
      return true
    })
    assert.equal(world.writes, 0)
    // As the hint says.
    Object.assign(machineOf(world, 'master-02'), { data: false, starting: false })
    const done = await install(world)
    assert.equal(done[0], 'master-01: delete node master-02')
    // Its Node goes with the member it had.
    assert.deepEqual(world.broken.splice(0), ['master-02 lost its Node, and its pods their addresses'])
    await assertWhole(world)
  }
})

test('a server is of another history only when etcd lists it by name, and not by its own', () => {
  const server = { name: 'm2', address: '192.0.2.12' }
  const member = (name: string, address = '192.0.2.12') => ({ id: '1', name, address, learner: false })
  const other = (own: string | undefined, ...members: ReturnType<typeof member>[]) =>
    memberOfOtherHistory(members, server, own)?.name
  assert.equal(other('m2-bbbbbbbb', member('m2-aaaaaaaa')), 'm2-aaaaaaaa')
  // It had another address when it joined.
  assert.equal(other('m2-bbbbbbbb', member('m2-aaaaaaaa', '192.0.2.99')), 'm2-aaaaaaaa')
  assert.equal(other('m2-aaaaaaaa', member('m2-aaaaaaaa')), undefined)
  // What it was before is listed beside it; it joined and has not started yet; it is put out; it tells no name.
  assert.equal(other('m2-bbbbbbbb', member('m2-aaaaaaaa'), member('m2-bbbbbbbb')), undefined)
  assert.equal(other('m2-bbbbbbbb', member('')), undefined)
  assert.equal(other('m2-bbbbbbbb', member('m1-aaaaaaaa', '192.0.2.11')), undefined)
  assert.equal(other(undefined, member('m2-aaaaaaaa')), undefined)
})

test('a server that runs and has no Node, of which etcd knows still, is restarted: a kubelet registers only as it starts', async () => {
  const answer = 'ActiveState=active\nInvocationID=a\nreadyz=ok\nprogram=v1\nnode=\nvoters=m:True\n'
  assert.equal(missingIn(answer, { address: '192.0.2.11' }, 'others').join(), nodeless)
  // A server that is too slow to tell its Node has it all the same.
  for (const [said, starts] of [
    ['node=', 2],
    ['', 1],
  ] as const) {
    const world = await installed(3, 0)
    const hosts = hostsOf(world)
    let asked = 0
    const servers = hosts.servers.map((one): Host => ({
      ...one,
      look: async (files, question) => {
        const looked = await one.look(files, question)
        if (one.name !== 'master-03') return looked
        asked += 1
        return asked > 1 ? looked : { ...looked, said: looked.said.replace('node=True v1', 'node=') }
      },
      read: async (words, options) => {
        const answer = await one.read(words, options)
        if (one.name !== 'master-03') return answer
        if (options?.shown === 'ask for a Node and its member of etcd') return { ...answer, stdout: said }
        return answer
      },
    }))
    await ensureServers({ ...shared, ...hosts, servers, masters: servers, known: true })
    assert.equal(machineOf(world, 'master-03').starts, starts)
    await assertWhole(world)
  }
})

test('the member a machine left behind goes before it joins under its name, though no Node is there: "duplicate node name"', async () => {
  const world = await installed(3, 0)
  Object.assign(machineOf(world, 'master-02'), { ...bare(), failing: true })
  world.nodes.delete('master-02')
  world.strays.add('master-02')
  const done = await install(world)
  assert.deepEqual(done.slice(0, 2), [
    // One that tries on would join by itself in between.
    'master-02: stop k3s',
    'master-01: remove the member master-02-0a1b2c3d of etcd',
  ])
  await assertWhole(world)
})

test('a Node that does not name its member is told it from the list: K3s then takes both away', async () => {
  const world = await installed(3, 0)
  Object.assign(machineOf(world, 'master-02'), bare())
  world.nameless.add('master-02')
  world.strays.add('master-02')
  const done = await install(world)
  assert.deepEqual(done.slice(0, 2), [
    'master-01: delete node master-02',
    'master-01: tell the Node of master-02 its member of etcd',
  ])
  assert.equal(world.strays.size, 0)
  await assertWhole(world)
})

test('one that an earlier deletion holds for ever is not deleted again; without a member it is let go', async () => {
  const world = await installed(3, 0)
  Object.assign(machineOf(world, 'master-02'), bare())
  world.nameless.add('master-02')
  world.ending.add('master-02')
  const done = await install(world)
  assert.equal(done[0], 'master-01: let the Node of master-02 go')
  await assertWhole(world)
})

test('a server that is taken out leaves no member behind, whatever its Node says', async () => {
  for (const [nameless, stray] of [
    [true, true],
    [true, false],
    [false, true],
  ] as const) {
    const world = await installed(3, 0)
    if (nameless) world.nameless.add('master-03')
    if (stray) world.strays.add('master-03')
    const hosts = hostsOf(world)
    const leaving = hosts.masters.at(-1)
    assert.ok(leaving)
    const run = { settings, until: untilNow, planning: false, released: true, hosts }
    await removeNode(leaving, 'master', run)
    assert.equal(world.strays.size, 0)
    assert.deepEqual(world.broken, [])
    assert.ok(!world.nodes.has('master-03'))
  }
})

test('a pod that took an address of the range its machine had before is deleted once the node is back; others stay', async () => {
  const said = [
    'range=10.42.2.0/24',
    'pod=kube-system|coredns-1||10.42.4.6',
    'pod=keybuzz-ingress|traefik-1|true|192.0.2.13',
    'pod=default|good||10.42.2.7',
    'pod=default|starting||',
    'pod=default|six||2001:db8::7',
  ].join('\n')
  assert.deepEqual(strayPods(said), [['kube-system', 'coredns-1']])
  // A node without a range yet says nothing of its pods.
  assert.deepEqual(strayPods(said.replace('range=10.42.2.0/24', 'range=')), [])
  const world = await installed(3, 1)
  putOut(world, 'master-03')
  world.nodes.delete('worker-01')
  const asking = { 'master-03': 'master-03', 'worker-01': 'master-01' }
  const asked: string[] = []
  const done = await install(world, (one, options, node) => {
    if (options?.shown !== 'ask for pods whose address is of another range') return undefined
    asked.push(`${one.name} of ${node}`)
    return said
  })
  assert.deepEqual(
    asked,
    Object.entries(asking).map(([node, by]) => `${by} of ${node}`),
  )
  const deleted = 'delete pod kube-system/coredns-1, whose address no other node reaches'
  assert.deepEqual(
    done.filter((one) => one.endsWith(deleted)),
    [`master-03: ${deleted}`, `master-01: ${deleted}`],
  )
})

test('how far a machine is out of the cluster is read from its Node and the list of members', () => {
  const leaving = { name: 'm2', address: '192.0.2.12' }
  const list = (...names: string[]) =>
    `members=${JSON.stringify({ members: names.map((name, at) => ({ ID: `${at}7`, name, peerURLs: [`https://192.0.2.1${at}:2380`] })) })}`
  const node = (said: string) => departureIn(`node=${said}\n${list('m1-0a1b2c3d')}`, leaving).node
  assert.equal(node(''), 'gone')
  assert.equal(node('m2|u||true|m2-0a1b2c3d|192.0.2.12'), 'there')
  assert.equal(node('m2|u|2026-01-01T00:00:00Z|true|m2-0a1b2c3d|192.0.2.12'), 'ending')
  // A server that does not answer says nothing of the Node: it is not gone.
  assert.equal(departureIn(list('m1-0a1b2c3d'), leaving).node, undefined)
  const nameless = (said: string) => departureIn(`node=${said}\n`, leaving).nameless
  assert.deepEqual(
    [
      nameless('m2|u||true||'),
      nameless('m2|u||true|m2-0a1b2c3d|'),
      nameless('m2|u||true|a|b'),
      nameless('w1|u||||'),
    ],
    [true, true, false, false],
  )
  const { members = [] } = departureIn(`node=\n${list('m1-0a1b2c3d', '', 'm2-99999999')}`, leaving)
  assert.deepEqual(
    members.map(({ id, name }) => [id, name]),
    [['27', 'm2-99999999']],
  )
  assert.equal(departureIn('node=\n', leaving).members, undefined)
})

test('a Node that is long in going is told why: exit 9 names what to look at', async () => {
  const server = {
    name: 'm1',
    read: () =>
      Promise.resolve({ code: 0, stdout: 'node=m2|old|2026|true|m2-0a1b2c3d|192.0.2.12\n', stderr: '' }),
  } as unknown as Host
  const awaited = nodeGone(server, { name: 'm2', address: '192.0.2.12' }, 'old')
  assert.equal(awaited.seconds, 180)
  // A machine that came back has another Node.
  assert.equal(await nodeGone(server, { name: 'm2', address: '192.0.2.12' }, 'older').missing(), '')
  await assert.rejects(createUntil(false)({ ...awaited, seconds: 0 }), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
    assert.match(thrown.message, /up to a minute where it led the controllers of K3s$/)
    assert.match(thrown.hint ?? '', /^on m1: kubectl get node m2 -o jsonpath=\{\.metadata\.finalizers\}/)
    return true
  })
})

test('under --plan a Node is only told as to be deleted, and its member is not', async () => {
  const planned: string[] = []
  const members = JSON.stringify({
    members: [{ ID: '7', name: 'm2-0a1b2c3d', peerURLs: ['https://192.0.2.12:2380'] }],
  })
  const server = {
    name: 'm1',
    read: (words: readonly string[]) =>
      Promise.resolve({
        code: 0,
        stdout: words.includes('get') ? '' : `node=m2|u||true|m2-0a1b2c3d|192.0.2.12\nmembers=${members}\n`,
        stderr: '',
      }),
    change: (what: string) => Promise.resolve(void planned.push(what)),
  } as unknown as Host
  await forgetNode(server, { name: 'm2', address: '192.0.2.12' }, createUntil(true))
  assert.deepEqual(planned, ['delete node m2'])
})

test('a second start is asked for once, and only for a tombstone this start has written', async () => {
  let tombstone = true
  let starts = 0
  const server = {
    name: 'm1',
    address: '192.0.2.11',
    read: (words: readonly string[]) =>
      Promise.resolve({ code: words[0] === 'test' && !tombstone ? 1 : 0, stdout: 'readyz=\n', stderr: '' }),
  } as unknown as Host
  const onTombstone = () => Promise.resolve(void (starts += 1))
  const awaited = serverIsHealthy(server, { onTombstone })
  assert.match(await awaited.missing(), /put it out of the cluster: it starts once more/)
  assert.equal(await awaited.missing(), 'its API does not answer yet')
  assert.equal(starts, 1)
  tombstone = false
  await serverIsHealthy(server, { onTombstone }).missing()
  await serverIsHealthy(server).missing()
  assert.equal(starts, 1)
})

// What a host says, by a real sh, in a folder that stands in for its root.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-membership-'))
after(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(join(folder, 'root'), { recursive: true, force: true }))
const lay = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, 'root', path)), { recursive: true })
  writeFileSync(join(folder, 'root', path), text)
}
const here = (script: string) => script.replace(/(?<![\w.])\/(var|etc)\//g, `${folder}/root/$1/`)

const stateHere = () => {
  const look = (_: readonly string[], { script }: { script: string }) => {
    const said = execFileSync('sh', ['-c', here(script)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return Promise.resolve({ sums: new Map(), said: said.replaceAll(`${folder}/root`, '') })
  }
  return readState({ name: 'm2', address: '192.0.2.12', look } as unknown as Host)
}

test('who holds the database: not by its folder, which is there before a server has joined; not beside a tombstone', async () => {
  lay(paths.config, '# Written by the KeyBuzz installer, module 9.\nserver: "https://192.0.2.11:6443"\n')
  lay('/etc/rancher/node/password', 'x')
  lay(`${paths.etcd}/name`, 'm2-0a1b2c3d')
  const half = await stateHere()
  assert.deepEqual([half.data, half.tombstone, half.registered], [false, false, true])
  // Who has not joined yet asks any member, not one that may have left since.
  assert.equal(half.joins, undefined)
  lay(`${paths.etcd}/member/wal/0.wal`, 'log')
  const member = await stateHere()
  assert.deepEqual([member.data, member.tombstone, member.joins], [true, false, '192.0.2.11'])
  lay(paths.tombstone, '')
  const out = await stateHere()
  assert.deepEqual([out.data, out.tombstone, out.joins], [false, true, undefined])
})

test('an agent keeps the server it joined by once it has a balancer of its own', async () => {
  lay(paths.config, '# Written by the KeyBuzz installer, module 9.\nserver: https://192.0.2.11:6443\n')
  assert.equal((await stateHere()).joins, undefined)
  lay(paths.balancer, '{}')
  assert.equal((await stateHere()).joins, '192.0.2.11')
})

test('an agent that never joined asks a server that is there, not one that left', async () => {
  const world = await installed(3, 1)
  const worker = machineOf(world, 'worker-01')
  Object.assign(worker, { ...bare(), files: worker.files, starting: true, joins: '192.0.2.99' })
  worker.files.set(paths.config, 'server: https://192.0.2.99:6443\n')
  await install(world)
  assert.match(worker.files.get(paths.config) ?? '', /^server: https:\/\/192\.0\.2\.11:6443$/m)
})

/** A stand-in of curl that answers on one port, to who shows the client certificate of etcd. */
const curl = (port: number, answer: string): string => {
  const tools = join(folder, `tools-${port}-${answer.length}`)
  mkdirSync(tools, { recursive: true })
  writeFileSync(
    join(tools, 'curl'),
    `#!/bin/sh
# Stand-in of curl.
case "$*" in
  *--cert\\ ${paths.server}/tls/etcd/client.crt*https://127.0.0.1:${port}/v3/*) echo "$*" >>${folder}/asked; printf '%s\\n' '${answer}' ;;
  *) exit 52 ;;
esac
`,
    { mode: 0o755 },
  )
  return `${tools}:${process.env['PATH'] ?? ''}`
}

const list =
  '{"header":{"revision":"9"},"members":[{"ID":"13207443136791438755","name":"k2-35629dc7","peerURLs":["https://10.99.0.52:2380"],"clientURLs":["https://10.99.0.52:2379"]},{"ID":"7","peerURLs":["https://10.99.0.53:2380"],"isLearner":true}]}'

test('the members are those of port 2382, the only one where K3s answers HTTP', () => {
  const said = (port: number, answer: string) =>
    execFileSync('sh', ['-c', membersPart], { encoding: 'utf8', env: { PATH: curl(port, answer) } })
  assert.deepEqual(membersIn(said(2382, list)), [
    { id: '13207443136791438755', name: 'k2-35629dc7', address: '10.99.0.52', learner: false },
    { id: '7', name: '', address: '10.99.0.53', learner: true },
  ])
  assert.equal(membersIn(said(2379, list)), undefined)
})

test('a member is removed by its ID; one that is gone is no failure, and a refusal is told', async () => {
  const member = { id: '7', name: 'k3-92f3266f', address: '10.99.0.53', learner: false }
  const removed = async (port: number, answer: string) => {
    let ended = { status: -1 as number | null, stderr: '' }
    const change = (what: string, [program = '', ...words]: readonly string[]) => {
      assert.equal(what, 'remove the member k3-92f3266f of etcd')
      ended = spawnSync(program, words, { encoding: 'utf8', env: { PATH: curl(port, answer) } })
      return Promise.resolve()
    }
    await removeMember({ change } as unknown as Host, member)
    return [ended.status, ended.stderr.trim()] as const
  }
  assert.deepEqual(await removed(2382, list), [0, ''])
  assert.deepEqual(await removed(2382, '{"code":5,"message":"etcdserver: member not found"}'), [0, ''])
  const refusal =
    '{"code":9,"message":"etcdserver: re-configuration failed due to not enough started members"}'
  assert.deepEqual(await removed(2382, refusal), [1, refusal])
  assert.equal((await removed(2379, list))[0], 1)
  const asked = execFileSync('cat', [join(folder, 'asked')], { encoding: 'utf8' })
  assert.match(asked, /-d \{"ID":"7"\} https:\/\/127\.0\.0\.1:2382\/v3\/cluster\/member\/remove/)
})

test('a machine whose database is of another history is told what to move away; none is told to delete a living server', async () => {
  const words = (journal: string) => {
    const read = () => Promise.resolve({ code: 0, stdout: `${journal}\n`, stderr: '' })
    return lastWordsOf({ name: 'm3', read } as unknown as Host, 'k3s')
  }
  for (const line of [
    'time="2026-11-29T10:00:00Z" level=fatal msg="start managed database: 59e0a8e0609efe94 found data inconsistency with peers"',
    '{"level":"warn","msg":"the member has been permanently removed from the cluster"}',
    '{"level":"warn","msg":"request sent was ignored by remote peer due to cluster ID mismatch"}',
  ])
    assert.match(
      (await words(line)).join('\n'),
      /mv \/var\/lib\/rancher\/k3s\/server\/db \/var\/lib\/rancher\/k3s\/server\/db\.away/,
    )
  for (const line of [
    'time="x" level=error msg="Shutdown request received: \\"etcd cluster join failed: duplicate node name found, please use a unique name for this node\\""',
    'time="x" level=fatal msg="tombstone file has been detected but --server is empty"',
    'time="x" level=info msg="This node has been removed from the cluster - please restart k3s to rejoin the cluster"',
  ]) {
    const said = (await words(line)).join('\n')
    assert.match(said, /run module 9 again/)
    assert.doesNotMatch(said, /kubectl delete node/)
  }
  for (const { fix } of checks) assert.doesNotMatch(fix, /delete node/)
})
