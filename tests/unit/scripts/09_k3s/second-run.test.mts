import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as dial, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createWrites } from '../../../../lib/base/writes.mts'
import { createHost, lockFolder, type Host } from '../../../../lib/hosts/host.mts'
import type { Question } from '../../../../lib/hosts/host-files.mts'
import type { Hosts } from '../../../../lib/hosts/hosts.mts'
import { readScript } from '../../../../lib/hosts/remote-script.mts'
import { connect } from '../../../../lib/hosts/ssh.mts'
import { ensureServers } from '../../../../scripts/09_k3s/nodes/control-plane.mts'
import { fetchKubeconfig } from '../../../../scripts/09_k3s/nodes/kubeconfig.mts'
import { ensureWorkers } from '../../../../scripts/09_k3s/nodes/workers.mts'
import { ask } from '../../../../scripts/09_k3s/preflight/run.mts'
import { prepareHosts } from '../../../../scripts/09_k3s/prepare/run.mts'
import type { FitHost } from '../../../../scripts/09_k3s/prepare/tasks.mts'
import { probeScript } from '../../../../scripts/09_k3s/reach/scripts.mts'
import { startSshd } from '../../hosts/sshd.mts'
import { hostsOf, makeWorld, untilNow } from './machines.mts'
import { settings, versions } from './staging.mts'

// What a second run sends to a host, in bytes on the wire: the answers come from machines in memory, and every command
// goes over a real connection to a machine that reads it and does nothing.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-second-run-'))
after(() => rmSync(folder, { recursive: true }))
for (const program of ['sh', 'flock', 'cat', 'gzip', 'perl']) {
  const path = join(folder, program)
  writeFileSync(
    path,
    '#!/bin/bash\ncase "$*" in *sysread*) echo quiet ;; esac\nwhile read -r _; do :; done\n',
  )
  chmodSync(path, 0o755)
}

/** Ends whatever was opened, the last first: also when a machine under load is too slow to connect. */
const closings: (() => void)[] = []
after(() => closings.toReversed().forEach((close) => close()))

interface Wire {
  readonly host: Host
  /** Bytes that were sent to it, without keepalives. */
  readonly sent: () => number
}

/** Milliseconds between keepalives, and the bytes of one with its packet: a machine under load takes that long. */
const keepalive = { every: 12_000, bytes: 100 }

/** A connection to a machine that is called so, counted. */
async function wireTo({ name, address }: Host): Promise<Wire> {
  const sshd = await startSshd((command) => ['sh', '-c', `PATH=${folder}; ${command}`])
  closings.push(() => sshd.close())
  let sent = 0
  const counter = createServer((socket) => {
    const behind = dial(sshd.login.port, '127.0.0.1')
    closings.push(
      () => socket.destroy(),
      () => behind.destroy(),
    )
    socket.on('data', (bytes: Buffer) => (sent += bytes.length))
    socket.on('error', () => behind.destroy())
    behind.on('error', () => socket.destroy())
    socket.pipe(behind).pipe(socket)
  })
  await new Promise<void>((ready) => counter.listen(0, '127.0.0.1', ready))
  closings.push(() => counter.close())
  const connected = performance.now()
  const connection = await connect({ ...sshd.login, port: (counter.address() as AddressInfo).port })
  const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
  const host = createHost({ name, address, connection, writes })
  closings.push(() => connection.close())
  const keepalives = () => Math.floor((performance.now() - connected) / keepalive.every)
  return { host, sent: () => sent - keepalives() * keepalive.bytes }
}

/** Answers like the one, and sends like the other. */
function both(world: Host, wire: Host): Host {
  const seen = new Set<string>()
  const look = async (paths: readonly string[], question: Question) => {
    for (const path of paths) seen.add(path)
    await wire.look(paths, question).catch(() => undefined)
  }
  return {
    ...world,
    async read(words, options) {
      await wire.read(words, options).catch(() => undefined)
      return world.read(words, options)
    },
    async look(paths, question) {
      await look(paths, question)
      return world.look(paths, question)
    },
    async put(path, mode, content) {
      if (!seen.has(path)) await look([path], { script: '', words: [], shown: path })
      return world.put(path, mode, content)
    },
  }
}

const fitOf = async (hosts: Hosts): Promise<FitHost[]> =>
  Promise.all(
    [...hosts.masters, ...hosts.workers].map(async (host) => {
      const role = hosts.masters.includes(host) ? 'master' : 'worker'
      const { said } = await ask(host, role, hosts.members)
      const { address } = host
      return { host, facts: { address, role, said, members: hosts.members, settings, blocked: [] } }
    }),
  )

/** What module 9 asks the hosts of a cluster that is as it should be, or makes them. */
async function install(hosts: Hosts, known: boolean): Promise<void> {
  const keep = () => assert.fail('the settings have both tokens')
  const shared = { ...hosts, settings, keep, versions, until: untilNow }
  await prepareHosts(await fitOf(hosts), hosts, untilNow)
  await ensureServers({ ...shared, known })
  await fetchKubeconfig(hosts.servers, settings)
  await ensureWorkers(shared)
}

/** Bytes; tests/practice allows 10,240 of OpenSSH's own server, which agrees on some 300 more than the one here. */
const most = 9_900

test(
  'a second run sends few bytes to each host: every command carries its frame',
  { timeout: 120_000 },
  async () => {
    const world = makeWorld(3, 1)
    await install(hostsOf(world), false)
    const before = hostsOf(world)
    const wires = new Map<string, Wire>()
    for (const host of [...before.masters, ...before.workers]) wires.set(host.name, await wireTo(host))
    const over = (some: readonly Host[]) =>
      some.map((host) => both(host, (wires.get(host.name) as Wire).host))
    const hosts = { ...before, servers: over(before.servers), workers: over(before.workers) }
    const all = { ...hosts, masters: hosts.servers }
    world.writes = 0
    for (const { name } of before.servers)
      await (wires.get(name) as Wire).host.lock(`${lockFolder}/installer.lock`, () => {})
    for (const host of [...all.masters, ...all.workers]) {
      if (all.workers.includes(host)) await (wires.get(host.name) as Wire).host.quiet()
      const others = before.members.filter(({ name }) => name !== host.name).map(({ address }) => address)
      const words = [`tcp:6443,2379,2380,2381,10250,80,443:${others.join(',')}`]
      await readScript(host, probeScript, ['10', ...words], { interpreter: 'perl', shown: 'probe' })
    }
    await install(all, true)
    assert.equal(world.writes, 0)
    const sent = [...wires].map(([name, wire]) => [name, wire.sent()] as const)
    for (const [name, bytes] of sent) assert.ok(bytes > 1000 && bytes <= most, `${name}: ${bytes} bytes`)
  },
)
