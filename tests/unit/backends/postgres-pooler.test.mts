import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import { createPostgres } from '../../../lib/backends/postgres.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { database, startPostgres, withoutPostgres, type PostgresServer } from './postgres-server.mts'

// A real PostgreSQL, reached directly, by a proxy of TCP, and by one that does what PgBouncer does with a login: it
// announces a process number of its own, by which it knows what to cancel.

let server: PostgresServer
const proxies: Server[] = []

before(async () => {
  if (withoutPostgres === false) server = await startPostgres()
})
after(async () => {
  for (const proxy of proxies) proxy.close()
  await server?.stop()
})

/** BackendKeyData: type, length 12, process number, key. */
const announcement = Buffer.from([0x4b, 0, 0, 0, 12])

function renumbered(data: Buffer): Buffer {
  const at = data.indexOf(announcement)
  if (at >= 0) data.writeInt32BE(data.readInt32BE(at + 5) ^ 0x5a5a5a5a, at + 5)
  return data
}

/** A proxy in front of the server. @returns its port */
async function proxied(change: (data: Buffer) => Buffer): Promise<number> {
  const proxy = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1')
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.on('data', (data) => upstream.write(data)).on('close', () => upstream.destroy())
    upstream.on('data', (data) => client.write(change(data))).on('close', () => client.destroy())
  })
  proxies.push(proxy.listen(0, '127.0.0.1'))
  await once(proxy, 'listening')
  return (proxy.address() as AddressInfo).port
}

async function tryOutAt(port: number): Promise<void> {
  const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
  const settings = { ...server.settings, POSTGRES_PORT: port }
  const postgres = createPostgres(settings, writes, { warn: () => {}, ok: () => {}, claim: 'keybuzz test' })
  try {
    await postgres.tryOut(database)
  } finally {
    await postgres.close()
  }
}

test(
  'a pooler in front of PostgreSQL is refused: exit 3, with where to lead',
  { skip: withoutPostgres },
  async () => {
    const port = await proxied(renumbered)
    await assert.rejects(tryOutAt(port), {
      exitCode: 3,
      message: `PostgreSQL 127.0.0.1:${port} is PgBouncer or another pooler, not PostgreSQL itself`,
      hint: /POSTGRES_HOST and POSTGRES_PORT must lead to the leader itself/,
    })
  },
)

test(
  'PostgreSQL itself, and a proxy of TCP as HAProxy is one, are no pooler',
  { skip: withoutPostgres },
  async () => {
    await tryOutAt(server.port)
    await tryOutAt(await proxied((data) => data))
  },
)
