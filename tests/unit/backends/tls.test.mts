import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { createBackendOpener } from '../../../lib/backends/backends.mts'
import { createPostgres } from '../../../lib/backends/postgres.mts'
import { createRabbitmq } from '../../../lib/backends/rabbitmq.mts'
import { createRedis } from '../../../lib/backends/redis.mts'
import { openSocket } from '../../../lib/backends/tls.mts'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import type { Settings } from '../../../lib/settings/settings.mts'
import { amqpFrame } from './amqp-frame.mts'
import { makeAuthority } from './authority.mts'
import { adminPassword, startPostgres, withoutPostgres, type PostgresServer } from './postgres-server.mts'

// Each backend by TLS on loopback, with a CA made here: a real PostgreSQL, and Node's own TLS in front of as much of
// Redis and AMQP as a login needs.

const authority = makeAuthority()
const foreign = makeAuthority()
const elsewhere = makeAuthority('DNS:elsewhere.example.com')

const closing: (() => unknown)[] = []
after(async () => {
  for (const close of closing) await close()
})

/** Listens with TLS or without, and remembers what reached it in clear. */
async function listen(talk: (socket: Socket) => void, tls?: { key: string; certificate: string }) {
  const sockets = new Set<Socket>()
  const heard: Buffer[] = []
  const greet = (socket: Socket) => {
    socket.on('error', () => {})
    talk(socket)
  }
  const server =
    tls === undefined ? createServer(greet) : createTlsServer({ key: tls.key, cert: tls.certificate }, greet)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (tls === undefined) socket.on('data', (bytes) => heard.push(bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.close()
    sockets.forEach((socket) => socket.destroy())
  })
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => Buffer.concat(heard).toString('latin1'),
  }
}

const redisAnswers: Record<string, string> = {
  HELLO: '%1\r\n+proto\r\n:3\r\n',
  PING: '+PONG\r\n',
  CONFIG: '%1\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n',
}

const talkRedis = (socket: Socket) =>
  socket.on('data', (data: Buffer) => {
    // A handshake has a line end in it: to Redis it is an unknown command.
    if (data[0] !== '*'.charCodeAt(0)) return void socket.write('-ERR unknown command\r\n')
    for (const [, name = ''] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n([A-Z]+)\r\n/g))
      socket.write(redisAnswers[name] ?? '+OK\r\n')
  })

const talkRabbitmq = (socket: Socket) =>
  socket.on('data', (data: Buffer) => {
    const text = data.toString('latin1')
    if (text.startsWith('AMQP')) socket.write(amqpFrame(10, 10, Buffer.alloc(40)))
    else if (text.includes('PLAIN')) socket.write(amqpFrame(10, 30, Buffer.from([0, 0, 0, 2, 0, 0, 0, 60])))
    else if (data[0] === 1 && data.readUInt16BE(9) === 31) socket.write(amqpFrame(10, 41, Buffer.alloc(1)))
    // RabbitMQ's answer to what is no AMQP: its own version, and the end.
    else if (data[0] !== 1) socket.end('AMQP\0\0\x09\x01')
  })

const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
const quiet = { warn: () => {}, ok: () => {} }
const secret = 'a secret password'

type Tls = { mode: 'off' | 'require' | 'verify'; ca?: string }

const settingsOf = (backend: string, port: number, { mode, ca }: Tls, host = '127.0.0.1'): Settings => ({
  ENV: 'dev',
  POSTGRES_SUPERUSER: 'admin',
  RABBITMQ_USER: 'keybuzz',
  RABBITMQ_VHOST: '/',
  [`${backend}_HOST`]: host,
  [`${backend}_PORT`]: port,
  [`${backend}_PASSWORD`]: sensitive(secret),
  [`${backend}_TLS`]: mode,
  ...(ca === undefined ? {} : { [`${backend}_CA`]: sensitive(ca) }),
})

const logins: Record<string, (settings: Settings) => Promise<unknown>> = {
  async POSTGRES(settings) {
    const postgres = createPostgres(settings, writes, { ...quiet, claim: 'keybuzz test' })
    try {
      await postgres.majorVersion()
    } finally {
      await postgres.close().catch(() => {})
    }
  },
  async REDIS(settings) {
    const redis = createRedis(settings, writes, { ...quiet, cluster: 'c' })
    await redis.evictionPolicy()
    await redis.close()
  },
  RABBITMQ: (settings) => createRabbitmq(settings, writes, quiet).tryOut(),
}

const fails = (exitCode: ExitCode, message: RegExp, hint: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.match(thrown.message, message)
  assert.equal(thrown.exitCode, exitCode, thrown.message)
  assert.match(thrown.hint ?? '', hint)
  assert.ok(!JSON.stringify([thrown.message, thrown.details, thrown.hint]).includes(secret))
  return true
}

interface Served {
  readonly port: number
  heard?: () => string
}

const servers: Record<string, { proven: Served; other: Served; plain: Served }> = {}
let postgres: PostgresServer[] = []

before(async () => {
  for (const [backend, talk] of [
    ['REDIS', talkRedis],
    ['RABBITMQ', talkRabbitmq],
  ] as const) {
    servers[backend] = {
      proven: await listen(talk, authority),
      other: await listen(talk, elsewhere),
      plain: await listen(talk),
    }
  }
  if (withoutPostgres !== false) return
  assert.equal(adminPassword, secret)
  const logIns = 'host all admin 127.0.0.1/32 scram-sha-256'
  postgres = await Promise.all([
    startPostgres({ tls: authority }),
    startPostgres({ tls: elsewhere }),
    startPostgres({ hba: logIns }),
    startPostgres({ tls: authority, hba: `hostssl${logIns.slice(4)}` }),
  ])
  const [proven, other, plain] = postgres
  if (proven && other && plain) servers['POSTGRES'] = { proven, other, plain }
})
after(() => Promise.all(postgres.map((one) => one.stop())))

const serverOf = (backend: string, which: 'proven' | 'other' | 'plain'): Served => {
  const found = servers[backend]
  assert.ok(found)
  return found[which]
}

for (const backend of ['POSTGRES', 'REDIS', 'RABBITMQ']) {
  const options = { skip: backend === 'POSTGRES' ? withoutPostgres : false }
  const logIn = (served: Served, tls: Tls, host?: string) =>
    logins[backend]?.(settingsOf(backend, served.port, tls, host))

  test(
    `${backend}: verify takes a server its CA has signed, require any that speaks TLS`,
    options,
    async () => {
      await logIn(serverOf(backend, 'proven'), { mode: 'verify', ca: authority.ca })
      await logIn(serverOf(backend, 'proven'), { mode: 'verify', ca: foreign.ca + authority.ca })
      await logIn(serverOf(backend, 'proven'), { mode: 'require' })
      await logIn(serverOf(backend, 'other'), { mode: 'require' })
    },
  )

  test(`${backend}: a foreign CA is exit 7`, options, async () => {
    await assert.rejects(
      async () => logIn(serverOf(backend, 'proven'), { mode: 'verify', ca: foreign.ca }),
      fails(
        exitCodes.trust,
        /is not proven by its CA/,
        /platform\.\w+\.ca; .*openssl s_client -connect 127\.0\.0\.1:\d+/,
      ),
    )
  })

  test(`${backend}: a certificate for another host is exit 7`, options, async () => {
    await assert.rejects(
      async () => logIn(serverOf(backend, 'other'), { mode: 'verify', ca: elsewhere.ca }),
      fails(
        exitCodes.trust,
        /certificate that is not for 127\.0\.0\.1/,
        new RegExp(`set ${backend}_HOST to a name`),
      ),
    )
  })

  for (const mode of ['require', 'verify'] as const) {
    test(
      `${backend}: a server without TLS under ${mode} is exit 7, and gets no password`,
      options,
      async () => {
        const plain = serverOf(backend, 'plain')
        await assert.rejects(
          async () => logIn(plain, { mode, ...(mode === 'verify' && { ca: authority.ca }) }),
          fails(exitCodes.trust, /does not speak TLS/, new RegExp(`or set ${backend}_TLS to off`)),
        )
        assert.ok(plain.heard === undefined || !plain.heard().includes(secret))
      },
    )
  }

  test(`${backend}: a server that takes TLS only is told as that when TLS is off`, options, async () => {
    const only = backend === 'POSTGRES' ? (postgres[3] as Served) : serverOf(backend, 'proven')
    await assert.rejects(
      async () => logIn(only, { mode: 'off' }),
      (thrown) => {
        assert.ok(thrown instanceof KitError)
        assert.match(thrown.hint ?? '', new RegExp(`TLS only: set ${backend}_TLS to verify`))
        return true
      },
    )
  })

  test(`${backend}: what is not encrypted stays in the report`, () => {
    const opener = createBackendOpener(writes, { cluster: 'c', owner: 'dev/12_n8n' })
    opener.open(settingsOf(backend, 1, { mode: 'off' }))
    assert.equal(opener.warnings.length, 1)
    assert.match(opener.warnings[0]?.text ?? '', /127\.0\.0\.1:1 is not encrypted/)
    const encrypted = createBackendOpener(writes, { cluster: 'c', owner: 'dev/12_n8n' })
    encrypted.open(settingsOf(backend, 1, { mode: 'require' }))
    assert.deepEqual(encrypted.warnings, [])
    const more = { text: 'the vector store is not encrypted', fix: 'an https:// address' }
    for (let again = 0; again < 2; again += 1)
      encrypted.open(settingsOf(backend, 1, { mode: 'require' }), [more])
    assert.deepEqual(encrypted.warnings, [more])
  })
}

test('a server that never answers the handshake speaks no TLS: exit 7, not a wait for ever', async () => {
  const { port } = await listen(() => {})
  const target = {
    backend: 'REDIS',
    host: '127.0.0.1',
    port,
    tls: { mode: 'require', ca: undefined },
  } as const
  await assert.rejects(
    openSocket(target, 200),
    fails(exitCodes.trust, /does not speak TLS: no answer/, /tls-port/),
  )
})

test(
  'PostgreSQL: no PG* variable of whoever started the kit means anything',
  { skip: withoutPostgres },
  async () => {
    const before = { ...process.env }
    try {
      process.env['PGSSLMODE'] = 'verify-full'
      process.env['PGHOST'] = 'elsewhere.example.com'
      process.env['PGUSER'] = process.env['PGDATABASE'] = 'somebody'
      process.env['PGPASSWORD'] = 'another'
      process.env['PGREPLICATION'] = 'database'
      process.env['PGCLIENT_ENCODING'] = 'SQL_ASCII'
      process.env['PGOPTIONS'] = '-c nothing.here=1 -c default_transaction_read_only=on -c no_such_setting=1'
      await logins['POSTGRES']?.(settingsOf('POSTGRES', serverOf('POSTGRES', 'plain').port, { mode: 'off' }))
      process.env['PGSSLMODE'] = 'disable'
      process.env['PGSSLNEGOTIATION'] = 'direct'
      const { port } = serverOf('POSTGRES', 'proven')
      await logins['POSTGRES']?.(settingsOf('POSTGRES', port, { mode: 'verify', ca: authority.ca }))
    } finally {
      for (const key of Object.keys(process.env)) if (!(key in before)) delete process.env[key]
      Object.assign(process.env, before)
    }
  },
)

test('PostgreSQL: a password is not sent in clear to whoever asks for it; with TLS it is', async () => {
  const asksInClear = (socket: Socket) =>
    socket.once('data', () => socket.write(Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 3])))
  const { port, heard } = await listen(asksInClear)
  await assert.rejects(
    async () => logins['POSTGRES']?.(settingsOf('POSTGRES', port, { mode: 'off' })),
    fails(exitCodes.denied, /wants the password of admin in clear/, /scram-sha-256/),
  )
  assert.ok(!heard().includes(secret))
})

test(
  'PostgreSQL: with TLS, a server may ask for the password itself',
  { skip: withoutPostgres },
  async () => {
    const server = await startPostgres({ tls: authority, hba: 'hostssl all admin 127.0.0.1/32 password' })
    try {
      await logins['POSTGRES']?.(settingsOf('POSTGRES', server.port, { mode: 'verify', ca: authority.ca }))
    } finally {
      await server.stop()
    }
  },
)
