import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import { paths } from '../../../../scripts/09_k3s/host/paths.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { requireReleaseOfServers } from '../../../../scripts/09_k3s/nodes/one-release.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { viewOfWorkers } from '../../../../scripts/09_k3s/nodes/workers-view.mts'
import { hostsOf, machineOf, makeWorld, untilNow, type World } from './machines.mts'
import { settings, versions } from './staging.mts'

const keep = () => assert.fail('the settings have both tokens')
const shared = { settings, versions, until: untilNow, keep }

/** A cluster of servers alone, whose second one reports this version, and has a program with this checksum. */
async function servers(version: string, program?: string): Promise<World> {
  const world = makeWorld(3, 1)
  await ensureServers({ ...shared, ...hostsOf(world), known: false })
  const server = machineOf(world, 'master-02')
  server.version = version
  if (program !== undefined) server.files.set(paths.binary, program)
  world.writes = 0
  return world
}

const refused = (thrown: unknown) => {
  assert.ok(thrown instanceof KitError)
  assert.equal(thrown.exitCode, exitCodes.conflict)
  assert.equal(thrown.message, 'master-02 runs K3s v0, versions.json names v1')
  assert.match(thrown.hint ?? '', /^write v0 into k3s and k3s-images of credentials\/\w+\/versions\.json/)
  return true
}

test('a worker that would get another K3s than a server runs: exit 5 with both versions, and no host is written to', async () => {
  const world = await servers('v0', 'a'.repeat(64))
  const hosts = hostsOf(world, ['worker-01'])
  await assert.rejects(ensureWorkers({ ...shared, ...hosts }), refused)
  // Step 01 asks before it writes a firewall.
  await assert.rejects(requireReleaseOfServers(hosts.servers, { versions, env: settings.ENV }), refused)
  assert.equal(world.writes, 0)
  assert.equal(machineOf(world, 'worker-01').files.size, 0)
})

test('the same program under another version is no other K3s: the worker joins', async () => {
  const world = await servers('v1+of-ours')
  const hosts = hostsOf(world, ['worker-01'])
  await requireReleaseOfServers(hosts.servers, { versions, env: settings.ENV })
  await ensureWorkers({ ...shared, ...hosts })
  assert.ok(world.nodes.has('worker-01'))
})

test('before there is a cluster no release is asked for', async () => {
  await requireReleaseOfServers(hostsOf(makeWorld(3, 1)).servers, { versions, env: settings.ENV })
})

test('a Node that has reported nothing yet has no version', async () => {
  const stdout = 'K10abc::agent:word\nm1=True=v1.36.3+k3s1 w1=False=v1.35.1+k3s1 w2== '
  const server = { read: () => Promise.resolve({ code: 0, stdout, stderr: '' }) } as unknown as Host
  assert.deepEqual(await viewOfWorkers(server), {
    token: 'K10abc::agent:word',
    ready: new Set(['m1']),
    nodes: new Map([
      ['m1', 'v1.36.3+k3s1'],
      ['w1', 'v1.35.1+k3s1'],
      ['w2', ''],
    ]),
  })
})
