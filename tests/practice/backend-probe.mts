import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { savedSettings } from '../../lib/settings/credentials.mts'
import { logIn, type Connection } from '../../lib/backends/postgres-login.mts'
import { createPostgres } from '../../lib/backends/postgres.mts'
import { createRedis } from '../../lib/backends/redis.mts'
import { tlsOf } from '../../lib/settings/backend-tls.mts'
import { isSensitive, sensitive } from '../../lib/base/sensitive.mts'
import { resolve, typed } from '../../lib/settings/settings.mts'
import { createWrites } from '../../lib/base/writes.mts'
import { n8n } from '../../scripts/12_n8n/module.mts'

// What only real servers show, asked of PostgreSQL and Redis directly: a role at its limit, rights taken away, a user
// that is no superuser, connections cut while they are quiet. Prints one line for each.

const env = process.argv[3] ?? ''
const name = `probe_${env}`
const database = { name, owner: name, connections: 3, supportedFrom: 10, password: sensitive(`it's "$1" #é`) }
const claim = { database: 9, owner: `${env}/probe` }
const settings = typed(
  env,
  resolve(n8n.shared, { env, overrides: {}, saved: savedSettings(env, n8n), variables: {} }),
)
const { POSTGRES_PASSWORD: password, REDIS_PASSWORD: redisPassword } = settings
assert.ok(isSensitive(password) && isSensitive(redisPassword))

const address = {
  host: String(settings.POSTGRES_HOST),
  port: Number(settings.POSTGRES_PORT),
  database: 'postgres',
  tls: tlsOf(settings, 'POSTGRES'),
}
const admin = await logIn({ ...address, user: String(settings.POSTGRES_SUPERUSER), password })
const quiet = { warn: () => {}, ok: () => {}, claim: `keybuzz test ${env}/probe` }

const sql = async (...statements: string[]): Promise<void> => {
  for (const statement of statements) await admin.query(statement)
}

const forget = (): Promise<void> =>
  sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, `DROP ROLE IF EXISTS ${name}`)

/** One run as the kit makes it. @returns what it changed */
async function ensure(wanted = {}, by = {}): Promise<string[]> {
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  const postgres = createPostgres({ ...settings, ...by }, writes, quiet)
  try {
    await postgres.ensureDatabase({ ...database, ...wanted })
  } finally {
    await postgres.close()
  }
  return writes.changes.flatMap(({ what, fields = [] }) => [what, ...fields])
}

async function step(what: string, prove: () => Promise<void>): Promise<void> {
  await prove()
  console.log(`ok ${what}`)
}

const created = [
  `PostgreSQL role ${name}`,
  'connection limit   4',
  `PostgreSQL database ${name}`,
  `PostgreSQL database ${name}, to ${name}`,
]

await forget()
try {
  await step('a second run writes nothing', async () => {
    assert.deepEqual(await ensure(), created)
    assert.deepEqual(await ensure(), [])
  })

  await step('a role at its connection limit is as it should be, and its limit can be lowered', async () => {
    const held: Connection[] = []
    for (let left = 3; left > 0; left -= 1) {
      held.push(await logIn({ ...address, user: name, database: name, password: database.password }))
    }
    assert.deepEqual(await ensure(), [])
    assert.deepEqual((await ensure({ connections: 2 })).slice(1), ['connection limit   4 -> 3'])
    await Promise.all(held.map((connection) => connection.end()))
  })

  await step('a password changed behind our back is set again, and only that', async () => {
    await sql(`ALTER ROLE ${name} PASSWORD 'another' CONNECTION LIMIT 4`)
    assert.deepEqual((await ensure()).slice(1), ['password   changed (not shown)'])
  })

  await step('a lost database is made again, also where nobody may connect elsewhere', async () => {
    await sql(`DROP DATABASE ${name} WITH (FORCE)`, 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC')
    try {
      assert.deepEqual(await ensure(), created.slice(2))
    } finally {
      await sql('GRANT CONNECT ON DATABASE postgres TO PUBLIC')
    }
  })

  await step('a user with CREATEDB and CREATEROLE is enough', async () => {
    await forget()
    await sql(`CREATE ROLE probe_maker LOGIN CREATEDB CREATEROLE PASSWORD 'maker-password'`)
    const maker = { POSTGRES_SUPERUSER: 'probe_maker', POSTGRES_PASSWORD: sensitive('maker-password') }
    assert.deepEqual(await ensure({}, maker), created)
    assert.deepEqual(await ensure({}, maker), [])
  })

  await step('a PostgreSQL connection that was cut is opened anew', async () => {
    const writes = createWrites({ planning: true, guard: () => Promise.resolve() })
    const postgres = createPostgres(settings, writes, quiet)
    const version = await postgres.majorVersion()
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'keybuzz-installer' AND usename = current_user AND pid <> pg_backend_pid()`)
    await pause(300)
    assert.equal(await postgres.majorVersion(), version)
    await postgres.close()
  })
} finally {
  await forget()
  await sql('DROP ROLE IF EXISTS probe_maker')
  await admin.end()
}

const client = createClient({
  socket: { host: String(settings.REDIS_HOST), port: Number(settings.REDIS_PORT) },
  password: redisPassword.reveal(),
  database: claim.database,
})
await client.connect()
const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
const redis = createRedis(settings, writes, { ...quiet, cluster: 'probe' })
try {
  await step('a Redis claim is made once, and nothing else stays', async () => {
    await redis.require(claim)
    await redis.require(claim)
    assert.equal(writes.changes.length, 1)
    assert.deepEqual(await client.keys('*'), ['keybuzz:owner'])
  })

  await step('a Redis connection that was cut is opened anew', async () => {
    const ours = (await client.clientList()).filter((one) => one.name === 'keybuzz-installer')
    for (const { id } of ours) await client.sendCommand(['CLIENT', 'KILL', 'ID', String(id)])
    assert.ok(ours.length > 0)
    await pause(300)
    await redis.require(claim)
  })
} finally {
  await client.del('keybuzz:owner')
  await redis.close()
  client.destroy()
}
