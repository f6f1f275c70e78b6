import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { completeSettings } from '../../../../lib/settings/complete.mts'
import { resolve, typed, type RawValues } from '../../../../lib/settings/settings.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { teardown } from '../../../../scripts/09_k3s/remove/teardown.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { bare, hostsOf, Killed, makeWorld, tokens, untilNow, type World } from './machines.mts'
import { saved, settings, sources, versions } from './staging.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'

// The kit killed after each of its writes to hosts, in memory: every next run goes on from there, no server is started
// while another is away, and no second cluster begins. tests/practice does a few of these on real machines.

const noKeep = () => assert.fail('the settings have both tokens')
const shared = { settings, versions, until: untilNow, keep: noKeep }

/** Steps 02 and 03. */
async function install(world: World, limit?: readonly string[]): Promise<void> {
  const hosts = hostsOf(world, limit)
  await ensureServers({ ...shared, ...hosts, known: world.nodes.size > 0 })
  await ensureWorkers({ ...shared, ...hosts })
}

async function remove(world: World, limit?: readonly string[]): Promise<void> {
  const run = { settings, until: untilNow, planning: false, released: true, hosts: hostsOf(world, limit) }
  if (limit !== undefined) return teardown.removeNodes(run)
  await teardown.saveCluster(run)
  await teardown.destroyCluster(run)
}

/** Runs until one gets through, each killed after so many writes. @returns how many were killed */
async function killedEvery(world: World, writes: number, run: () => Promise<void>): Promise<number> {
  for (let killed = 0; killed < 200; killed += 1) {
    Object.assign(world, { writes: 0, killAfter: writes })
    const through = await run().then(
      () => true,
      (thrown: unknown) => {
        if (thrown instanceof Killed) return false
        throw thrown
      },
    )
    if (through) return killed
  }
  throw new Error('200 runs did not get through')
}

async function writesOf(world: World, run: () => Promise<void>): Promise<number> {
  Object.assign(world, { writes: 0, killAfter: 0 })
  await run()
  return world.writes
}

/** One cluster of all machines, begun once, with never two servers away. */
function assertWhole(world: World): void {
  assert.deepEqual(world.broken, [])
  assert.equal(world.begun, 1)
  assert.equal(world.nodes.size, world.machines.length)
  assert.ok(world.machines.every(({ active }) => active))
}

const installed = async (masters: number, workers: number): Promise<World> => {
  const world = makeWorld(masters, workers)
  await install(world)
  return world
}

test('steps 02 and 03, killed after every write in turn: one healthy cluster, and then nothing is written', async () => {
  const all = await writesOf(makeWorld(3, 2), () => Promise.resolve())
  assert.equal(all, 0)
  const fresh = makeWorld(3, 2)
  const writes = await writesOf(fresh, () => install(fresh))
  assert.ok(writes > 25, `${writes} writes`)
  for (let at = 1; at <= writes; at += 1) {
    const world = makeWorld(3, 2)
    const killed = await killedEvery(world, at, () => install(world))
    assert.ok(killed >= 1, `at write ${at}`)
    assertWhole(world)
    assert.equal(await writesOf(world, () => install(world)), 0, `after kills at write ${at}`)
  }
})

test('a program that is not its publisher’s: exit 7 before the tokens are saved, and no host is written to', async () => {
  const world = makeWorld(3, 0)
  const { K3S_TOKEN: _server, K3S_AGENT_TOKEN: _agent, ...others } = settings
  const k3sOfSomebody = { ...versions.k3s, sha256: 'a'.repeat(64) }
  const keep = () => assert.fail('nothing is saved')
  await assert.rejects(
    ensureServers({
      ...shared,
      keep,
      settings: others as K3sSettings,
      versions: { ...versions, k3s: k3sOfSomebody },
      ...hostsOf(world),
      known: false,
    }),
    { exitCode: exitCodes.trust },
  )
  assert.equal(world.writes, 0)
})

for (const key of ['K3S_TOKEN', 'K3S_AGENT_TOKEN'] as const) {
  test(`another ${key} than the cluster was made with: exit 5, and no host is written to`, async () => {
    const world = await installed(3, 0)
    world.writes = 0
    const other = { ...settings, [key]: sensitive('drawn-anew-for-a-lost-file') }
    await assert.rejects(
      ensureServers({ ...shared, settings: other, ...hostsOf(world), known: true }),
      (thrown) => {
        assert.ok(thrown instanceof KitError)
        assert.equal(thrown.exitCode, exitCodes.conflict)
        assert.match(thrown.message, new RegExp(`^${key} is not the one (etcd|master-01)`))
        assert.match(thrown.hint ?? '', /on master-01: sed 's\/\.\*:\/\/' \S+server\/(agent-)?token /)
        assert.ok(!JSON.stringify([thrown.message, thrown.details, thrown.hint]).includes('drawn-anew'))
        return true
      },
    )
    assert.equal(world.writes, 0)
  })
}

/** The settings of a file that was lost, or is another admin host's: what `keep` saved is read at the next run. */
function settingsFile(world: World) {
  const { K3S_TOKEN: _server, K3S_AGENT_TOKEN: _agent, ...others } = saved
  const file: Record<string, string> = { ...others }
  return {
    file,
    run: async (): Promise<void> => {
      const read = typed('staging', resolve([...k3s.shared, ...k3s.settings], { ...sources, saved: file }))
      const keep = (found: RawValues) => Promise.resolve(void Object.assign(file, found))
      const hosts = hostsOf(world)
      await ensureServers({
        ...shared,
        ...hosts,
        settings: read as K3sSettings,
        keep,
        known: world.nodes.size > 0,
      })
      await ensureWorkers({ ...shared, ...hosts })
    },
  }
}

test('tokens the settings lack are taken over from the masters, and nothing is written on any host', async () => {
  const world = await installed(3, 1)
  const { file, run } = settingsFile(world)
  assert.equal(await writesOf(world, run), 0)
  assert.deepEqual([file['K3S_TOKEN'], file['K3S_AGENT_TOKEN']], [tokens.server, tokens.agent])
})

test('a cluster that is not there yet gets new tokens, saved before any host is told, whenever the kit is killed', async () => {
  for (const at of [1, 2, 3, 5, 8, 13]) {
    const world = makeWorld(3, 1)
    const { file, run } = settingsFile(world)
    await killedEvery(world, at, run)
    assertWhole(world)
    assert.deepEqual(world.tokens, { server: file['K3S_TOKEN'], agent: file['K3S_AGENT_TOKEN'] })
    assert.match(world.tokens.server, /^[0-9a-f]{64}$/)
    assert.notEqual(world.tokens.server, world.tokens.agent)
  }
})

test('new tokens that cannot be saved are told to no host', async () => {
  const world = makeWorld(1, 0)
  const { K3S_TOKEN: _lost, ...others } = settings
  const keep = () => Promise.reject(new Error('no space left on device'))
  await assert.rejects(
    ensureServers({ ...shared, ...hostsOf(world), settings: others as K3sSettings, keep, known: false }),
    /no space left/,
  )
  assert.equal(world.writes, 0)
})

test('a token that the settings and every master lack is not made anew: exit 5, and nothing is written', async () => {
  const world = await installed(3, 0)
  const { run } = settingsFile(world)
  world.tokens = { ...world.tokens, agent: '' }
  world.writes = 0
  await assert.rejects(
    run(),
    (thrown) =>
      thrown instanceof KitError &&
      thrown.exitCode === exitCodes.conflict &&
      thrown.message.startsWith('K3S_AGENT_TOKEN is missing, and no master has'),
  )
  assert.equal(world.writes, 0)
})

test('who only proves a cluster has no token: completing the settings makes none', async () => {
  const { K3S_TOKEN: _server, K3S_AGENT_TOKEN: _agent, ...others } = saved
  const of = { ...sources, saved: { ...others, SSH_KEY: 'key' } }
  const resolved = await completeSettings({ module: k3s, sources: of, live: {}, interactive: false })
  const made = typed('staging', resolved)
  assert.deepEqual([made['K3S_TOKEN'], made['K3S_AGENT_TOKEN']], [undefined, undefined])
})

for (const [what, name] of [
  ['a worker', 'worker-02'],
  ['the first master', 'master-01'],
] as const) {
  test(`${what} that was installed anew joins again, killed after every write in turn`, async () => {
    for (let at = 1; at <= 8; at += 1) {
      const world = await installed(3, 2)
      const machine = world.machines.find((one) => one.name === name)
      Object.assign(machine ?? {}, bare())
      await killedEvery(world, at, () => install(world))
      assertWhole(world)
    }
  })

  test(`${what} is taken out of the cluster, killed after every write in turn; the others are untouched`, async () => {
    for (let at = 1; at <= 6; at += 1) {
      const world = await installed(3, 2)
      await killedEvery(world, at, () => remove(world, [name]))
      assert.deepEqual(world.broken, [])
      assert.equal(world.nodes.has(name), false)
      const machine = world.machines.find((one) => one.name === name)
      assert.equal(machine?.files.size, 0)
      assert.equal(world.machines.filter(({ active }) => active).length, 4)
      assert.equal(await writesOf(world, () => remove(world, [name])), 0)
    }
  })
}

test('a worker that was killed while it restarted keeps its Node, and its pods their addresses', async () => {
  const world = await installed(3, 2)
  const worker = world.machines.find(({ name }) => name === 'worker-01')
  Object.assign(worker ?? {}, { started: '', active: false })
  await install(world)
  assertWhole(world)
})

test('a server that was killed while it joined, and installed anew, joins again past the voteless member it left', async () => {
  const world = await installed(3, 0)
  Object.assign(world.machines[0] ?? {}, bare())
  world.ghosts.add('master-01')
  await install(world)
  assertWhole(world)
  assert.equal(world.ghosts.size, 0)
})

test('the whole cluster is taken down, killed after every write in turn', async () => {
  for (let at = 1; at <= 12; at += 1) {
    const world = await installed(3, 2)
    await killedEvery(world, at, () => remove(world))
    assert.ok(world.machines.every(({ active, files }) => !active && files.size === 0))
  }
})

const refuses = (exitCode: number, text: RegExp) => (thrown: unknown) =>
  thrown instanceof KitError && thrown.exitCode === exitCode && text.test(thrown.message)

test('a server is not taken out while another is away, nor the last one: exit 3, nothing is written', async () => {
  const world = await installed(3, 0)
  Object.assign(world.machines[1] ?? {}, { active: false })
  world.writes = 0
  await assert.rejects(remove(world, ['master-03']), refuses(exitCodes.preflight, /master-02 is not healthy/))
  const alone = await installed(1, 1)
  alone.writes = 0
  await assert.rejects(remove(alone, ['master-01']), refuses(exitCodes.preflight, /last server/))
  assert.equal(world.writes + alone.writes, 0)
})

test('a server is not started while another is away, whatever --limit says: exit 3', async () => {
  const world = await installed(3, 0)
  const [first, second] = world.machines
  Object.assign(second ?? {}, { active: false })
  Object.assign(first ?? {}, { started: 'with another configuration' })
  await assert.rejects(
    install(world, ['master-01']),
    refuses(exitCodes.preflight, /master-02 is not healthy/),
  )
  assert.deepEqual(world.broken, [])
})

test('--limit touches the named hosts alone', async () => {
  const world = makeWorld(3, 2)
  await install(world, ['master-01', 'master-02', 'master-03'])
  assert.deepEqual([...world.nodes].toSorted(), ['master-01', 'master-02', 'master-03'])
  await install(world, ['worker-02'])
  assert.equal(world.nodes.has('worker-01'), false)
  assert.equal(world.nodes.has('worker-02'), true)
})

test('an install that meets a host on its way out stops: exit 5', async () => {
  const world = await installed(3, 1)
  world.machines[3]?.files.set('/etc/rancher/keybuzz.leaving', 'x')
  await assert.rejects(install(world), /worker/)
  world.machines[0]?.files.set('/etc/rancher/keybuzz.leaving', 'x')
  await assert.rejects(install(world), refuses(exitCodes.conflict, /master-01/))
})

test('a cluster that does not answer is not taken down while a majority of its masters holds it: exit 6', async () => {
  const world = await installed(3, 0)
  const run = { settings, until: untilNow, planning: false, released: false, hosts: hostsOf(world) }
  await assert.rejects(teardown.destroyCluster(run), refuses(exitCodes.unreachable, /still hold it/))
  for (const one of world.machines.slice(0, 2)) one.files.set('/etc/rancher/keybuzz.leaving', 'x')
  await teardown.destroyCluster({ ...run, hosts: hostsOf(world) })
  assert.ok(world.machines.every(({ active }) => !active))
})
