import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { createRabbitmq } from '../../../lib/backends/rabbitmq.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { amqpFrame } from './amqp-frame.mts'

// The server here is a stand-in that speaks just enough AMQP 0-9-1; the real one is on the practice platform.

const closing: (() => void)[] = []
after(() => closing.forEach((close) => close()))

const short = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])

const refusal = (code: number, text: string) =>
  amqpFrame(10, 50, Buffer.concat([Buffer.from([code >> 8, code & 255]), short(text), Buffer.alloc(4)]))

interface World {
  /** What it answers to a login instead of letting in. */
  readonly login?: Buffer
  /** What it answers when the virtual host is opened, instead of opening it. */
  readonly vhost?: Buffer
  readonly greeting?: Buffer
  /** Hangs up instead of answering. */
  readonly mute?: 'greeting' | 'login'
  /** Bytes it sends at a time: a network cuts where it likes. */
  readonly pieces?: number
}

async function serve(world: World) {
  const heard: Buffer[] = []
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {})
    const say = (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; at += world.pieces ?? bytes.length)
        socket.write(bytes.subarray(at, at + (world.pieces ?? bytes.length)))
    }
    socket.on('data', (data) => {
      heard.push(data)
      const text = data.toString('latin1')
      if (text.startsWith('AMQP')) {
        if (world.mute === 'greeting') return socket.end()
        say(world.greeting ?? amqpFrame(10, 10, Buffer.alloc(40)))
      } else if (text.includes('PLAIN')) {
        if (world.mute === 'login') return socket.end()
        say(world.login ?? amqpFrame(10, 30, Buffer.from([0, 0, 0, 2, 0, 0, 0, 60])))
      } else if (data.readUInt16BE(9) === 31) say(world.vhost ?? amqpFrame(10, 41, short('')))
      return undefined
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => void server.close())
  return { port: (server.address() as AddressInfo).port, heard }
}

async function logIn(world: World, port?: number) {
  const served = await serve(world)
  const ok: string[] = []
  const settings = {
    ENV: 'dev',
    RABBITMQ_HOST: '127.0.0.1',
    RABBITMQ_PORT: port ?? served.port,
    RABBITMQ_USER: 'keybuzz',
    RABBITMQ_PASSWORD: sensitive('a "strange" pass\\word'),
    RABBITMQ_VHOST: '/keybuzz',
  }
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  const reporter = { warn: () => {}, ok: (text: string) => void ok.push(text) }
  const thrown = await createRabbitmq(settings, writes, reporter)
    .require()
    .catch((error: unknown) => error)
  return { thrown, ok, heard: Buffer.concat(served.heard) }
}

test('a login says user and password as they are, opens the virtual host, and says goodbye', async () => {
  const { thrown, ok, heard } = await logIn({})
  assert.equal(thrown, undefined)
  assert.match(ok.join(), /^RabbitMQ 127\.0\.0\.1:\d+ virtual host \/keybuzz, user keybuzz$/)
  assert.ok(heard.includes('\0keybuzz\0a "strange" pass\\word'))
  assert.ok(heard.includes('authentication_failure_close'))
  assert.ok(heard.includes('\x08/keybuzz'))
})

test('an answer that comes byte by byte is put together', async () => {
  assert.equal((await logIn({ pieces: 1 })).thrown, undefined)
})

const refusals: [string, World, ExitCode, RegExp][] = [
  [
    'a wrong password',
    { login: refusal(403, 'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN') },
    exitCodes.denied,
    /refuses the password of keybuzz/,
  ],
  [
    'a virtual host there is not',
    { vhost: refusal(530, 'NOT_ALLOWED - vhost /keybuzz not found') },
    exitCodes.denied,
    /into the virtual host \/keybuzz: NOT_ALLOWED/,
  ],
  [
    'a server that is short of something',
    { vhost: refusal(506, 'RESOURCE_ERROR') },
    exitCodes.preflight,
    /506/,
  ],
  ['a server that hangs up at once', { mute: 'greeting' }, exitCodes.unreachable, /hung up/],
  ['a server that hangs up at the password', { mute: 'login' }, exitCodes.unreachable, /hung up/],
  [
    'something that is no RabbitMQ',
    { greeting: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') },
    exitCodes.unreachable,
    /does not speak AMQP 0-9-1: "HTTP/,
  ],
]

for (const [name, world, exitCode, words] of refusals) {
  test(`${name} is refused with its reason`, async () => {
    const { thrown, ok } = await logIn(world)
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCode)
    assert.match(thrown.message, words)
    assert.deepEqual(ok, [])
    assert.ok(!JSON.stringify([thrown.message, thrown.details, thrown.hint]).includes('strange'))
  })
}

test('a port nobody listens on is unreachable', async () => {
  const { thrown } = await logIn({}, 1)
  assert.ok(thrown instanceof KitError)
  assert.equal(thrown.exitCode, exitCodes.unreachable)
  assert.match(String(thrown.hint), /RABBITMQ_HOST/)
})
