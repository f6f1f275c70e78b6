import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../../lib/base/files.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import type { Hosts } from '../../../../lib/hosts/hosts.mts'
import type { Until } from '../../../../lib/base/poll.mts'
import { paths, signature } from '../../../../scripts/09_k3s/host/paths.mts'

// Machines in memory that answer what module 9 asks and do what it tells them, so that a run can be killed after
// each of its writes, and every start of a server be looked at.

/** Thrown where a power cut would end the kit. */
export class Killed extends Error {}

interface Machine {
  readonly name: string
  readonly address: string
  readonly role: 'master' | 'worker'
  /** What its kubelet reports. */
  version: string
  /** By path: what was put there. */
  files: Map<string, string>
  active: boolean
  /** Its service is on its first try to start, and comes when it is asked for the next time. */
  starting: boolean
  /** Starts of its service. */
  starts: number
  /** The process that ends gives the next answer. */
  echoing: boolean
  started: string
  /** It keeps the password of its Node. */
  registered: boolean
  /** etcd has a log there. */
  data: boolean
  /** Its etcd was put out of the cluster, and it has written that down. */
  tombstone: boolean
  /** The name its own database has for it. */
  etcd: string
  /** Its service ends again and again. */
  failing: boolean
  joins: string
  /** What its files server/token and agent-token have, where that is not what its cluster has. */
  keeps: Partial<World['tokens']>
  /** Asked once more before it is healthy. */
  settling: boolean
  drained: boolean
  /** Its service does not start again by itself. */
  ending: boolean
  snapshot: boolean
  /** sha256 of the tarballs whose images are noted there. */
  noted: string[]
  /** `SHA256 IMAGE` of each that containerd has lost. */
  gone: string[]
}

export interface World {
  readonly machines: readonly Machine[]
  readonly nodes: Set<string>
  /** Names of Nodes the cluster has bound pods to. */
  readonly carrying: Set<string>
  /** Machines etcd lists as members without a vote: they were killed while they joined. */
  readonly ghosts: Set<string>
  /** Machines etcd lists as members by name, which no Node stands for or tells of: K3s takes none of them out. */
  readonly strays: Set<string>
  /** Names of servers whose Nodes do not say which member is theirs; once they are deleted, they stay as `ending`. */
  readonly nameless: Set<string>
  readonly ending: Set<string>
  /** What the cluster has, by etcd. */
  tokens: { readonly server: string; readonly agent: string }
  /** Clusters that were begun: more than one is a split brain. */
  begun: number
  /** What must never happen, as it happened. */
  readonly broken: string[]
  writes: number
  /** The run ends after this many writes; 0: never. */
  killAfter: number
}

/** A machine as its owner installed it. */
export const bare = () => ({
  version: 'v1',
  files: new Map<string, string>(),
  active: false,
  starting: false,
  starts: 0,
  echoing: false,
  started: '',
  registered: false,
  data: false,
  tombstone: false,
  etcd: '',
  failing: false,
  joins: '',
  keeps: {} as Partial<World['tokens']>,
  settling: false,
  drained: false,
  ending: false,
  snapshot: false,
  noted: [] as string[],
  gone: [] as string[],
})

export function makeWorld(masters: number, workers: number): World {
  const make = (role: Machine['role'], at: number): Machine => ({
    name: `${role}-0${at}`,
    address: `192.0.2.${role === 'master' ? 10 + at : 20 + at}`,
    role,
    ...bare(),
  })
  const list = (role: Machine['role'], many: number) =>
    Array.from({ length: many }, (_, at) => make(role, at + 1))
  return {
    machines: [...list('master', masters), ...list('worker', workers)],
    nodes: new Set(),
    carrying: new Set(),
    ghosts: new Set(),
    strays: new Set(),
    nameless: new Set(),
    ending: new Set(),
    tokens: { server: '', agent: '' },
    begun: 0,
    broken: [],
    writes: 0,
    killAfter: 0,
  }
}

const isHealthy = (world: World, one: Machine): boolean =>
  one.active && !one.settling && !one.tombstone && world.nodes.has(one.name)

/** Its Node is deleted, and etcd has put it out: it holds a log of no use. One that runs finds that out at once. */
export function putOut(world: World, name: string): void {
  world.nodes.delete(name)
  for (const one of world.machines) if (one.name === name) one.tombstone = one.active
}

/** It has a log, and etcd does not list it. */
const isOut = (world: World, one: Machine): boolean => one.data && !world.nodes.has(one.name)

const tokensIn = (config: string): World['tokens'] => ({
  server: /^token: (.*)$/m.exec(config)?.[1] ?? '',
  agent: /^agent-token: (.*)$/m.exec(config)?.[1] ?? '',
})

/** What the service does when it is told to start. */
function startService(world: World, one: Machine): void {
  const away = world.machines.filter(
    (other) =>
      other !== one &&
      other.role === 'master' &&
      other.data &&
      !isOut(world, other) &&
      !isHealthy(world, other),
  )
  if (one.role === 'master' && away.length > 0)
    world.broken.push(`${one.name} started while ${away.map(({ name }) => name).join(', ')} was not healthy`)
  const config = one.files.get('/etc/rancher/k3s/config.yaml') ?? ''
  one.joins = /^server: https:\/\/([^:]*)/m.exec(config)?.[1] ?? ''
  if (isOut(world, one)) {
    one.starts += 1
    // It waits for a leader that the members do not let it hear.
    if (!one.tombstone) return void Object.assign(one, { active: false, starting: true })
    if (one.joins === '') world.broken.push(`${one.name} started with a tombstone and no server to join`)
    Object.assign(one, {
      data: false,
      tombstone: false,
      active: false,
      starting: false,
      starts: one.starts - 1,
    })
  }
  if (one.data && one.etcd !== listedAs(one.name))
    world.broken.push(`${one.name} put out those that went on without it`)
  if (!one.data && world.strays.has(one.name))
    world.broken.push(`${one.name} joined while etcd had a member by its name`)
  if (world.ending.has(one.name)) world.broken.push(`${one.name} joined before its old Node was gone`)
  one.failing = false
  const told = tokensIn(config)
  if (one.role === 'master' && !one.data && one.joins === '') {
    world.begun += 1
    world.tokens = told
  }
  const secret = told.server.replace(/.*:/, '')
  if (one.role === 'master' && (told.agent !== world.tokens.agent || secret !== world.tokens.server))
    world.broken.push(`${one.name} was told other tokens than its cluster has`)
  one.keeps = {}
  if (!one.registered && world.nodes.has(one.name))
    world.broken.push(`${one.name} joined under a name whose password is another's`)
  if (!one.registered && world.carrying.has(one.name))
    world.broken.push(`${one.name} began pods again whose volumes went with its old disk`)
  if (one.starting) world.broken.push(`${one.name} was started anew while it came by itself`)
  one.echoing = one.active && !one.tombstone
  one.starts += 1
  one.active = true
  one.registered = true
  world.carrying.add(one.name)
  one.settling = true
  world.ghosts.delete(one.name)
  one.data = one.role === 'master'
  one.etcd = listedAs(one.name)
  world.nodes.add(one.name)
}

function forget(world: World, name: string): void {
  const living = world.machines.find((one) => one.name === name && one.registered && !one.drained)
  if (living !== undefined) world.broken.push(`${name} lost its Node, and its pods their addresses`)
  world.nodes.delete(name)
}

/** What etcd calls the member of a machine. */
const listedAs = (name: string): string => `${name}-1f1f1f1f`

/** What the member of a machine is called that no Node stands for. */
const strayOf = (name: string): string => `${name}-0a1b2c3d`

/** What held a Node is gone, and so is the Node; where K3s did it, its member too. */
function letGo(world: World, name: string, byK3s: boolean): void {
  world.ending.delete(name)
  world.nameless.delete(name)
  world.nodes.delete(name)
  if (byK3s) world.strays.delete(name)
}

function act(
  world: World,
  one: Machine,
  what: string,
  { words, input }: { words: readonly string[]; input: string },
): void {
  if (what.startsWith('start ')) {
    startService(world, one)
    one.started = input.trim()
    if (words.join(' ').includes(`rm -f ${paths.registries}`) && mirrorOf(one) === 'kit')
      one.files.delete(paths.registries)
  } else if (what.startsWith('delete node ')) {
    const name = what.slice('delete node '.length)
    if (!words.includes('--wait=false')) world.broken.push(`${name} was deleted by a command that waits`)
    if (world.nameless.has(name)) world.ending.add(name)
    else forget(world, name)
  } else if (what === 'stop k3s') Object.assign(one, { active: false, starting: false, failing: false })
  else if (what === 'mark the database as put out of the cluster') {
    if (one.active || one.starting) world.broken.push(`${one.name} was marked while K3s ran there`)
    one.tombstone = true
  } else if (what.startsWith('tell the Node of ')) {
    const name = what.split(' ')[4] ?? ''
    const member = words.find((word) => word.includes('/node-name='))?.split('=')[1] ?? ''
    if (![listedAs(name), strayOf(name)].includes(member))
      world.broken.push(`${name} was told another member`)
    letGo(world, name, true)
  } else if (what.startsWith('let the Node of ')) letGo(world, what.split(' ')[4] ?? '', false)
  else if (what.startsWith('remove the member '))
    for (const [at, { name }] of world.machines.entries()) {
      if (words.at(-1) !== String(at + 1)) continue
      world.strays.delete(name)
      world.ghosts.delete(name)
    }
  else if (what.startsWith('delete the pods of '))
    world.carrying.delete(what.slice('delete the pods of '.length))
  else if (what.startsWith('drain ')) {
    for (const other of world.machines) if (other.name === what.slice('drain '.length)) other.drained = true
  } else if (what === 'K3s shall not start again by itself') one.ending = true
  else if (what === 'save a last snapshot') one.snapshot = true
  else if (what === 'note which images its tarballs hold')
    one.noted = words.filter((word) => /^[0-9a-f]{64}$/.test(word))
  else if (what.startsWith('import ')) one.gone = one.gone.filter((line) => !words.includes(line.slice(65)))
  else if (what === 'take K3s and its data off') {
    Object.assign(one, bare())
  }
}

function answer(world: World, one: Machine, words: readonly string[], shown = ''): [number, string] {
  if (shown === 'read the state of K3s') return [0, stateOf(world, one)]
  if (shown === 'ask whether the host is prepared' || shown === 'ask the host about itself')
    return [0, documentOf(one)]
  const line = words.join(' ')
  if (shown === 'ask etcd which token the cluster has')
    return [0, isHealthy(world, one) ? bootstrapOf(world) : '']
  if (shown === 'ask etcd for its members') return [0, isHealthy(world, one) ? membersOf(world) : '']
  if (shown === 'ask for a Node and its member of etcd')
    return [0, `${nodeOf(world, words.at(-1) ?? '')}\n${membersOf(world)}\n`]
  if (line.startsWith('test -e ')) return [one.tombstone ? 0 : 1, '']
  if (shown === 'ask which images are missing') return [0, imagesOf(one)]
  if (shown === 'ask whether this server is healthy') return [0, wholenessOf(world, one)]
  if (shown === 'read the kubeconfig') return one.data ? [0, 'kubeconfig'] : [1, '']
  if (/^read .*\/(agent-)?token$/.test(shown))
    return one.data
      ? [0, `${tokensOf(world, one)[shown.endsWith('/agent-token') ? 'agent' : 'server']}\n`]
      : [1, '']
  if (shown === 'read the token')
    return one.data ? [0, `K10abc::server:${tokensOf(world, one).server}\n`] : [1, '']
  if (shown === 'ask for the token and the Nodes of workers') return viewOfWorkers(world, one)
  if (shown === 'ask whether the agent runs') return [0, saidAnew(one)]
  if (line === 'systemctl is-active k3s') return [0, one.active ? 'active\n' : 'inactive\n']
  if (line.includes('get persistentvolumes')) return [0, '{"items": []}']
  if (line.includes('--property Restart ')) return [0, one.ending || !one.active ? 'no' : 'always']
  if (line.includes('keybuzz-uninstall-')) return [0, one.snapshot ? 'keybuzz-uninstall-1' : '']
  if (line.includes('get pods')) {
    const asked = world.machines.find(({ name }) => line.includes(`spec.nodeName=${name}`))
    if (line.endsWith('-o name')) return [0, world.carrying.has(asked?.name ?? '') ? 'pod/one' : '']
    return [0, asked?.drained === true ? 'DaemonSet|' : 'DaemonSet|ReplicaSet|']
  }
  const cordoned = /get node (\S+) .*unschedulable/.exec(line)?.[1]
  if (cordoned !== undefined && world.nodes.has(cordoned)) {
    const drained = world.machines.find(({ name }) => name === cordoned)?.drained
    return [0, `${cordoned}=${drained === true ? 'true' : ''}`]
  }
  const node = /get node (\S+)/.exec(line)?.[1]
  return [0, node !== undefined && world.nodes.has(node) ? `node/${node}` : '']
}

/** What a server says of a Node. */
function nodeOf(world: World, name: string): string {
  if (!world.nodes.has(name)) return 'node='
  const isServer = world.machines.some((one) => one.name === name && one.role === 'master')
  const told = isServer && !world.nameless.has(name) ? [strayOf(name), '192.0.2.1'] : ['', '']
  const ending = world.ending.has(name) ? '2026-01-01T00:00:00Z' : ''
  return `node=${[name, 'uid', ending, isServer ? 'true' : '', ...told].join('|')}`
}

/** The list of etcd: who holds its database and has a Node, and those that were left. */
function membersOf(world: World): string {
  const members = world.machines.flatMap(({ name, address, data, role }, at) => {
    const member = { ID: String(at + 1), peerURLs: [`https://${address}:2380`] }
    return [
      ...(data && world.nodes.has(name) ? [{ ...member, name: listedAs(name) }] : []),
      ...(world.strays.has(name) ? [{ ...member, name: strayOf(name) }] : []),
      ...(world.ghosts.has(name) && role === 'master' ? [{ ...member, name: '' }] : []),
    ]
  })
  return `members=${JSON.stringify({ members })}`
}

const good = readFileSync(join(root, 'tests/fixtures/hosts/good.txt'), 'utf8')

/** What a host says of itself that is fit for K3s. */
export const documentOf = ({ address }: Pick<Host, 'address'>): string =>
  good.replace('192.0.2.1/24', `${address}/24`)

function viewOfWorkers(world: World, one: Machine): [number, string] {
  if (!one.data) return [1, '\n']
  const nodes = world.machines
    .filter(({ name }) => world.nodes.has(name))
    .map(({ name, version }) => `${name}=True=${version} `)
    .join('')
  return isHealthy(world, one)
    ? [0, `K10abc::agent:of-the-cluster\n${nodes}`]
    : [1, 'K10abc::agent:of-the-cluster\n']
}

/** Tokens of an operator's, as settings hold them. */
export const tokens = { server: 'server-token-of-the-tests', agent: 'agent-token-of-the-tests' }
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const tokensOf = (world: World, { keeps }: Machine): World['tokens'] => ({ ...world.tokens, ...keeps })
const madeWith = ({ server, agent }: World['tokens']): string[] => [
  ...(server === '' ? [] : [`token=${sha256(server)}`]),
  ...(agent === '' ? [] : [`agent-token=${sha256(agent)}`]),
]

/** The key of etcd that is named after the server token, as etcd answers. */
function bootstrapOf({ tokens: { server } }: World): string {
  const key = Buffer.from(`/bootstrap/${sha256(server).slice(0, 12)}`).toString('base64')
  return `bootstrap=${JSON.stringify({ header: { revision: '9' }, kvs: [{ key, version: '1' }], count: '1' })}\n`
}

const imagesOf = ({ active, noted, gone }: Machine): string =>
  active ? [...noted.map((sum) => `image ${sum}`), ...gone.map((line) => `image ${line}`)].join('\n') : ''

/** What it joined as, by its configuration. */
const joinedAs = (one: Machine): string[] => [
  ...[
    ...(one.files.get('/etc/rancher/k3s/config.yaml') ?? '').matchAll(
      /^(node-name|adv|[a-z]+-(cidr|dns|backend|encryption)).*$/gm,
    ),
  ].map(([line]) => `node ${line}`),
  `node etcd: ${one.data ? one.etcd : ''}`,
]

/** What systemd says of its service. @param start which of its starts it tells of */
const unitOf = (one: Machine, start = one.starts): string =>
  [
    `ActiveState=${one.active ? 'active' : one.starting || one.failing ? 'activating' : 'inactive'}`,
    `SubState=${one.active ? 'running' : one.starting ? 'start' : one.failing ? 'auto-restart' : 'dead'}`,
    `NRestarts=${one.failing ? 3 : 0}`,
    `InvocationID=${start === 0 ? '' : `${one.name}-${start}`}`,
  ].join('\n')

/** The same when it is asked whether it came: first the start that is over answers, then one that was under way has come. */
function saidAnew(one: Machine): string {
  const said = unitOf(one, one.echoing ? one.starts - 1 : one.starts)
  one.echoing = false
  if (one.starting && !one.tombstone) Object.assign(one, { starting: false, active: true })
  return said
}

const stateOf = (world: World, one: Machine): string =>
  [
    `address eth1 ${one.address}/24`,
    ...(one.registered ? joinedAs(one) : []),
    unitOf(one),
    '',
    ...(one.data ? [`${paths.etcd}/member/wal`] : []),
    ...(one.tombstone ? [paths.tombstone] : []),
    ...(one.role === 'worker' && one.registered ? [paths.balancer] : []),
    ...(one.data ? ['ca=c0ffee', ...madeWith(tokensOf(world, one)), 'K10abc::server:'] : []),
    ...(one.joins === '' ? [] : [`joins=${one.joins}`]),
    ...(one.started === '' ? [] : [`started=${one.started}`]),
    ...(one.files.has('/etc/rancher/keybuzz.leaving') ? ['leaving=yes'] : []),
    ...(one.files.has(paths.registries) ? [`registries=${mirrorOf(one) === 'kit' ? 1 : 0}`] : []),
    imagesOf(one),
    ...(one.active && one.role === 'master'
      ? ['health:', unitOf(one), healthOf(world, isHealthy(world, one))]
      : []),
  ].join('\n')

const healthOf = (world: World, healthy: boolean): string =>
  healthy ? `readyz=ok\nprogram=v1\nnode=True v1\n${membersOf(world)}\n` : 'readyz=\n'

/** Who wrote what it has of a mirror. */
const mirrorOf = ({ files }: Machine): 'kit' | 'other' =>
  files.get(paths.registries)?.startsWith(signature) === true ? 'kit' : 'other'

function wholenessOf(world: World, one: Machine): string {
  // The process that ends is healthy to the last.
  const healthy = isHealthy(world, one) || one.echoing
  if (!one.echoing) one.settling = false
  return `${saidAnew(one)}\n${healthOf(world, healthy)}`
}

/** A run's view of the machines: its writes are counted, and it may be killed after one. */
export function hostsOf(world: World, limit?: readonly string[]): Hosts {
  const count = () => {
    world.writes += 1
    if (world.killAfter > 0 && world.writes === world.killAfter) throw new Killed()
  }
  const hosts = world.machines.map((one): Host => ({
    name: one.name,
    address: one.address,
    lock: () => Promise.resolve(),
    quiet: () => Promise.resolve(),
    read: (words, options) => {
      const [code, stdout] = answer(world, one, words, options?.shown)
      return Promise.resolve({ code, stdout, stderr: '' })
    },
    change: async (what, words, { input } = {}) => {
      act(world, one, what, { words, input: typeof input === 'string' ? input : '' })
      count()
      return Promise.resolve()
    },
    // A drill's alone.
    undo: () => Promise.reject(new Error('nothing to undo')),
    look: (paths, { words, shown }) => {
      const there = paths.filter((path) => one.files.has(path))
      const sums = new Map(there.map((path) => [path, one.files.get(path) ?? '']))
      return Promise.resolve({ sums, said: answer(world, one, words, shown)[1] })
    },
    put: async (path, _mode, content) => {
      const wanted = typeof content === 'string' ? content : content.sha256
      if (one.files.get(path) === wanted) return Promise.resolve(false)
      one.files.set(path, wanted)
      count()
      return Promise.resolve(true)
    },
  }))
  const of = (role: Machine['role']) =>
    hosts.filter(({ name }) => world.machines.some((one) => one.name === name && one.role === role))
  const named = ({ name }: Host) => limit?.includes(name) ?? true
  return {
    servers: of('master'),
    masters: of('master').filter(named),
    workers: of('worker').filter(named),
    lost: [],
    members: world.machines,
    close: () => {},
  }
}

/** Asks a few times, without pausing. */
export const untilNow: Until = async ({ what, missing }) => {
  for (let times = 0; times < 5; times += 1) if ((await missing()) === '') return
  throw new Error(`${what} did not become ready: ${await missing()}`)
}

/** The machine of that name, which must be there. */
export function machineOf(world: World, name: string) {
  const found = world.machines.find((one) => one.name === name)
  assert.ok(found)
  return found
}
