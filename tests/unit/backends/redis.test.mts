import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { createRedis } from '../../../lib/backends/redis.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'

// The server here is a stand-in: a table of keys behind Redis' protocol, and one command a test makes it answer
// otherwise. The real server's ways are proven on the practice platform.

const closing: (() => void)[] = []
after(() => closing.forEach((close) => close()))

interface World {
  /** What is in the database. */
  readonly keys?: Record<string, string>
  /** Answers that differ: a command in capitals, and its raw reply. */
  readonly replies?: Record<string, string>
}

const bulk = (text: string | undefined): string =>
  text === undefined ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`

async function serve({ keys = {}, replies = {} }: World) {
  const held = new Map(Object.entries(keys))
  const commands: string[][] = []
  const sockets: Socket[] = []
  const answers: Record<string, (...words: string[]) => string> = {
    HELLO: () => '%1\r\n+proto\r\n:3\r\n',
    PING: () => '+PONG\r\n',
    ROLE: () => '*3\r\n+master\r\n:0\r\n*0\r\n',
    CONFIG: () => `%1\r\n${bulk('maxmemory-policy')}${bulk('noeviction')}`,
    DBSIZE: () => `:${held.size}\r\n`,
    GET: (key = '') => bulk(held.get(key)),
    SET: (key = '', value = '', ...how) =>
      how.includes('NX') && held.has(key) ? '$-1\r\n' : (held.set(key, value), '+OK\r\n'),
    DEL: (key = '') => `:${held.delete(key) ? 1 : 0}\r\n`,
  }
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      for (const words of commandsIn(data.toString())) {
        const [name = '', ...rest] = words
        commands.push(words)
        socket.write(replies[name] ?? answers[name]?.(...rest) ?? '+OK\r\n')
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.close()
    sockets.forEach((socket) => socket.destroy())
  })
  return { port: (server.address() as AddressInfo).port, held, commands, sockets }
}

/** The commands of one packet: arrays of bulk strings. */
function* commandsIn(text: string): Generator<string[]> {
  const lines = text.split('\r\n')
  for (let at = 0; lines[at]?.startsWith('*') === true;) {
    const count = Number(lines[at]?.slice(1))
    yield Array.from({ length: count }, (_, word) => lines[at + 2 + word * 2] ?? '')
    at += 1 + count * 2
  }
}

const claim = { database: 3, owner: 'dev/12_n8n' }
const ours = JSON.stringify({ cluster: 'c1', owner: 'dev/12_n8n' })

function connectTo(port: number, planning = false) {
  const settings = {
    ENV: 'dev',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: port,
    REDIS_PASSWORD: sensitive('a secret password'),
  }
  const warnings: string[] = []
  const writes = createWrites({ planning, guard: () => Promise.resolve() })
  const warn = (text: string) => void warnings.push(text)
  const redis = createRedis(settings, writes, { cluster: 'c1', warn, ok: () => {} })
  closing.push(() => void redis.close())
  return { redis, writes, warnings }
}

const fails = (exitCode: ExitCode, text: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.match(thrown.message, text)
  assert.equal(thrown.exitCode, exitCode)
  assert.ok(thrown.hint !== undefined && !JSON.stringify(thrown.message).includes('a secret'))
  return true
}

test('an empty database is claimed, and the claim alone stays in it', async () => {
  const { port, held, commands } = await serve({})
  const { redis, writes } = connectTo(port)
  await redis.require(claim)
  assert.deepEqual([...held], [['keybuzz:owner', ours]])
  assert.deepEqual(writes.changes, [{ sign: '+', what: 'Redis database 3, claimed by dev/12_n8n' }])
  assert.ok(commands.some(([name, number]) => name === 'SELECT' && number === '3'))
})

test('a second run claims nothing: the database is ours, whatever else is in it', async () => {
  const { port, held } = await serve({ keys: { 'keybuzz:owner': ours, 'bull:jobs:wait': '1' } })
  const { redis, writes } = connectTo(port)
  await redis.require(claim)
  assert.deepEqual(writes.changes, [])
  assert.equal(held.size, 2)
})

test('a plan writes nothing, not even to see whether it could', async () => {
  const { port, held, commands } = await serve({})
  const { redis, writes } = connectTo(port, true)
  await redis.require(claim)
  assert.equal(writes.changes.length, 1)
  assert.equal(held.size, 0)
  assert.ok(!commands.some(([name]) => name === 'SET'))
})

for (const [what, world, exitCode, text] of [
  [
    'a wrong password',
    { replies: { HELLO: '-WRONGPASS invalid\r\n' } },
    exitCodes.denied,
    /refuses the password/,
  ],
  [
    'no password set there',
    { replies: { HELLO: '-ERR AUTH <password> called without any password configured\r\n' } },
    exitCodes.denied,
    /refuses the password/,
  ],
  [
    'a right that is missing',
    { replies: { GET: "-NOPERM no permissions to run 'get'\r\n" } },
    exitCodes.denied,
    /does not allow/,
  ],
  ['a replica', { replies: { ROLE: '*2\r\n+slave\r\n:0\r\n' } }, exitCodes.preflight, /is a slave/],
  [
    'a number it does not have',
    { replies: { SELECT: '-ERR DB index is out of range\r\n' } },
    exitCodes.preflight,
    /has no database 3/,
  ],
  [
    'full memory',
    { keys: { 'keybuzz:owner': ours }, replies: { SET: '-OOM command not allowed\r\n' } },
    exitCodes.preflight,
    /refuses a command: OOM/,
  ],
  [
    'a failed snapshot',
    { replies: { SET: '-MISCONF Redis is configured to save\r\n' } },
    exitCodes.preflight,
    /MISCONF/,
  ],
  [
    'a write that is lost',
    { keys: { 'keybuzz:owner': ours }, replies: { SET: '+OK\r\n' } },
    exitCodes.preflight,
    /does not give back/,
  ],
  [
    'keys nobody claims',
    { keys: { cache: '1' } },
    exitCodes.conflict,
    /holds keys that no installation of the kit claims/,
  ],
  [
    'another module',
    { keys: { 'keybuzz:owner': '{"cluster":"c1","owner":"dev/11_chatwoot"}' } },
    exitCodes.conflict,
    /claimed by dev\/11_chatwoot of cluster c1/,
  ],
  [
    'another cluster',
    { keys: { 'keybuzz:owner': '{"cluster":"c2","owner":"dev/12_n8n"}' } },
    exitCodes.conflict,
    /of cluster c2/,
  ],
  ['a claim nobody can read', { keys: { 'keybuzz:owner': 'x' } }, exitCodes.conflict, /an unknown owner/],
] as const satisfies readonly (readonly [string, World, ExitCode, RegExp])[]) {
  test(`${what} is told apart, and nothing of theirs is touched`, async () => {
    const { port, held } = await serve(world)
    const before = [...held]
    await assert.rejects(connectTo(port).redis.require(claim), fails(exitCode, text))
    assert.deepEqual([...held], before)
  })
}

test('closing ends a login that is still going on, and its failure is not the close’s', async () => {
  for (const replies of [{}, { HELLO: '-WRONGPASS invalid\r\n' }]) {
    const { port, sockets } = await serve({ replies })
    const { redis } = connectTo(port)
    const asked = redis.evictionPolicy().catch((thrown: unknown) => thrown)
    await redis.close()
    await asked
    const [socket] = sockets
    if (socket?.closed === false) await once(socket, 'close')
    assert.equal(sockets.length, 1)
  }
})

test('two runs at once: the one that lost the race for the claim is refused', async () => {
  const { port, held } = await serve({})
  const { redis, writes } = connectTo(port)
  const taken = {
    ...writes,
    make: (...all: Parameters<typeof writes.make>) => (
      held.set('keybuzz:owner', '{"owner":"dev/13_superset"}'),
      writes.make(...all)
    ),
  }
  const settings = {
    ENV: 'dev',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: port,
    REDIS_PASSWORD: sensitive('password'),
  }
  const late = createRedis(settings, taken, { cluster: 'c1', warn: () => {}, ok: () => {} })
  await assert.rejects(late.require(claim), fails(exitCodes.conflict, /dev\/13_superset/))
  await late.close()
  await redis.close()
})

test('nothing listens: cannot be reached', async () => {
  const { port } = await serve({})
  closing.pop()?.()
  await assert.rejects(
    connectTo(port).redis.require(claim),
    fails(exitCodes.unreachable, /cannot be reached/),
  )
})

test('a policy that evicts is one warning; a server that does not tell it is another', async () => {
  const evicting = await serve({
    replies: { CONFIG: `%1\r\n${bulk('maxmemory-policy')}${bulk('allkeys-lru')}` },
  })
  const one = connectTo(evicting.port)
  await one.redis.require(claim)
  assert.equal(one.warnings.length, 1)
  assert.match(one.warnings[0] ?? '', /allkeys-lru: queued jobs can be evicted/)
  assert.equal(await one.redis.evictionPolicy(), 'allkeys-lru')
  const hosted = await serve({ replies: { CONFIG: "-NOPERM no permissions to run 'config|get'\r\n" } })
  const other = connectTo(hosted.port)
  await other.redis.require(claim)
  assert.match(other.warnings[0] ?? '', /does not tell its maxmemory-policy/)
  assert.equal(await other.redis.evictionPolicy(), undefined)
})

test('a connection that was cut while it was quiet is opened anew', async () => {
  const { port, sockets } = await serve({})
  const { redis } = connectTo(port)
  assert.equal(await redis.evictionPolicy(), 'noeviction')
  sockets[0]?.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(await redis.evictionPolicy(), 'noeviction')
  assert.equal(sockets.length, 2)
})

test('a server that is gone is unreachable, not one that does not tell its policy', async () => {
  const { port } = await serve({})
  const { redis } = connectTo(port)
  await redis.evictionPolicy()
  closing.at(-2)?.()
  await new Promise((resolve) => setTimeout(resolve, 50))
  await assert.rejects(redis.evictionPolicy(), fails(exitCodes.unreachable, /cannot be reached/))
})
