import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failingBackends } from '../../../../lib/backends/needs.mts'
import { Cancelled, exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { aborted, interruption } from '../../../../lib/base/signals.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import { failuresOf } from '../../../../scripts/09_k3s/host/failures.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { teardown } from '../../../../scripts/09_k3s/remove/teardown.mts'
import { hostsOf, makeWorld, untilNow, type World } from './machines.mts'
import { settings, versions } from './staging.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'

// What ends the whole run while several hosts are worked on: it is told as what it is, not as a failure of each host.

/** A cluster whose workers have not joined yet. */
async function withoutWorkers(): Promise<World> {
  const world = makeWorld(3, 2)
  const keep = () => assert.fail('the settings have both tokens')
  await ensureServers({ settings, versions, until: untilNow, keep, ...hostsOf(world), known: false })
  return world
}

/** The hosts of a world, whose workers are written to by this. */
function hostsWith(world: World, write: () => Promise<never>) {
  const hosts = hostsOf(world)
  const workers = hosts.workers.map((host): Host => ({ ...host, put: write, change: write }))
  return { ...hosts, workers }
}

const join = (world: World, write: () => Promise<never>) =>
  ensureWorkers({ settings, versions, until: untilNow, ...hostsWith(world, write) })

/** Takes the cluster down; workers fail once each is marked. */
function destroy(world: World, write: () => Promise<never>) {
  for (const { files } of world.machines) files.set('/etc/rancher/keybuzz.leaving', 'x')
  const { masters, ...hosts } = hostsWith(world, write)
  const workers = hosts.workers.map((host): Host => ({ ...host, put: () => Promise.resolve(false) }))
  return teardown.destroyCluster({
    settings,
    until: untilNow,
    planning: false,
    released: true,
    hosts: { ...hosts, masters, workers },
  })
}

const told = (exitCode: KitError['exitCode']) => new KitError('told by the gate', { exitCode })

for (const [what, thrown] of [
  ['the lock is lost', told(exitCodes.locked)],
  ['the environment is not confirmed', told(exitCodes.usage)],
  ['the question is left by Ctrl-C', new Cancelled()],
  ['a signal ends it', told(exitCodes.terminated)],
] as const) {
  test(`${what} while workers join, or are uninstalled: that ends the run, and is no failure of theirs`, async () => {
    const world = await withoutWorkers()
    for (const work of [join, destroy])
      await assert.rejects(
        work(world, () => Promise.reject(thrown)),
        thrown,
      )
    assert.ok(world.machines.every(({ role, active }) => active === (role === 'master')))
  })
}

test('hosts that fail are all named: exit 9', async () => {
  const world = await withoutWorkers()
  const away = () => Promise.reject(new KitError('it hung up', { exitCode: exitCodes.unreachable }))
  const failed = { exitCode: exitCodes.rolloutFailed, details: ['it hung up', 'it hung up'] }
  await assert.rejects(join(world, away), { message: '2 of 2 workers did not join', ...failed })
  await assert.rejects(destroy(world, away), { message: '2 of 5 hosts still carry K3s', ...failed })
})

test('a bug is told as one, and an interruption before it', () => {
  const [bug, hungUp] = [new TypeError('x'), told(exitCodes.unreachable)]
  const rejected = (...reasons: unknown[]) =>
    reasons.map((reason) => ({ status: 'rejected' as const, reason }))
  assert.throws(() => failuresOf(rejected(hungUp, bug)), bug)
  assert.throws(() => failuresOf(rejected(bug, new Cancelled())), Cancelled)
  assert.deepEqual(failuresOf([{ status: 'fulfilled', value: 1 }, ...rejected(hungUp)]), [hungUp])
})

test('a Ctrl-C while workers join, a cluster ends, or backends are asked for a cause: exit 130', async () => {
  const world = await withoutWorkers()
  interruption.listen()
  let working = 0
  const untilCtrlC = async (): Promise<never> => {
    working += 1
    await aborted(interruption.signal)
    interruption.throwIfAsked()
    return assert.fail('it was interrupted')
  }
  const s3 = { tryOut: untilCtrlC } as never
  const interrupted = [
    join(world, untilCtrlC),
    destroy(await withoutWorkers(), untilCtrlC),
    failingBackends({ s3: 'bucket' }, { s3 } as never),
  ].map((work) => assert.rejects(work, { exitCode: exitCodes.interrupted }))
  while (working < 5) await new Promise((resolve) => setTimeout(resolve, 10))
  // A signal keeps no process alive until it has come.
  const alive = setInterval(() => {}, 1000)
  process.kill(process.pid, 'SIGINT')
  await Promise.all(interrupted)
  clearInterval(alive)
})
