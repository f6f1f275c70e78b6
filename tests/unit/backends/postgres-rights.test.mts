import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { readFacts, type Database } from '../../../lib/backends/postgres-facts.mts'
import { logIn } from '../../../lib/backends/postgres-login.mts'
import { planDatabase } from '../../../lib/backends/postgres-plan.mts'
import { createPostgres } from '../../../lib/backends/postgres.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { database, startPostgres, withoutPostgres, type PostgresServer } from './postgres-server.mts'

// Asked of a real PostgreSQL: what roles may do with an application's database, and how an unfinished one ends.

const options = { skip: withoutPostgres }
const off = { mode: 'off', ca: undefined } as const
const claim = 'keybuzz c0ffee dev/12_n8n'
let server: PostgresServer
const warnings: string[] = []
const told: string[] = []

before(async () => {
  if (withoutPostgres !== false) return
  server = await startPostgres()
  await server.sql(`CREATE ROLE stranger LOGIN PASSWORD 'stranger'`)
})
after(() => server?.stop())

const forget = async () => {
  await server.sql('DROP DATABASE IF EXISTS n8n_dev WITH (FORCE)')
  await server.sql('DROP ROLE IF EXISTS n8n_dev')
}

const killed = new KitError('killed', { exitCode: exitCodes.locked })

/**
 * One run of the kit. @returns what it changed
 * @param atMost writes it does until it is killed
 */
async function ensure(wanted: Database = database, atMost = Infinity): Promise<string[]> {
  let done = 0
  const writes = createWrites({
    planning: false,
    guard: () => (++done > atMost ? Promise.reject(killed) : Promise.resolve()),
  })
  warnings.length = 0
  told.length = 0
  const reporter = {
    warn: (text: string) => void warnings.push(text),
    ok: (text: string) => void told.push(text),
  }
  const postgres = createPostgres(server.settings, writes, { ...reporter, claim })
  try {
    await postgres.ensureDatabase(wanted)
  } finally {
    await postgres.close()
  }
  return writes.changes.flatMap(({ what, fields = [] }) => [what, ...fields])
}

const strangerGetsIn = async (): Promise<boolean> => {
  const { port } = server
  const login = { host: '127.0.0.1', port, user: 'stranger', password: sensitive('stranger'), tls: off }
  try {
    await (await logIn({ ...login, database: 'n8n_dev' })).end()
    return true
  } catch {
    return false
  }
}

/** What must be the same however often a run was killed before. */
const standing = async () => {
  const [row] = await server.sql<object>(
    `select pg_get_userbyid(datdba) as owner, datallowconn, datacl::text, shobj_description(d.oid, 'pg_database'),
            rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit, rolcanlogin
       from pg_database d join pg_roles r on r.oid = datdba where datname = 'n8n_dev'`,
  )
  return row
}

test(
  'killed after any statement, also of an older kit: nobody else gets in, and the next run ends alike',
  options,
  async () => {
    await forget()
    await ensure()
    const wanted = await standing()
    await forget()
    const admin = await logIn({
      host: '127.0.0.1',
      tls: off,
      port: server.port,
      user: 'admin',
      database: 'postgres',
      password: server.settings['POSTGRES_PASSWORD'] as typeof database.password,
    })
    const { statements, handover } = planDatabase(database, await readFacts(admin, database), false, claim)
    await admin.end()
    const all = [...statements, ...handover]
    const older = [statements[0] ?? '', 'CREATE DATABASE n8n_dev OWNER n8n_dev']
    for (const [killed, gotIn] of [
      ...all.map((_, done) => [all.slice(0, done), false] as const),
      [older, true] as const,
    ]) {
      await forget()
      for (const statement of killed) await server.sql(statement)
      assert.equal(await strangerGetsIn(), gotIn, `after ${killed.length} statements`)
      await ensure()
      assert.equal(await strangerGetsIn(), false)
      assert.deepEqual(await standing(), wanted)
      assert.deepEqual(await ensure(), [])
    }
  },
)

test(
  'runs killed at each of their second writes get through: no write is done for nothing',
  options,
  async () => {
    await forget()
    const extended = {
      ...database,
      extensions: [{ name: 'pg_trgm', packageFor: () => 'postgresql-contrib' }],
    }
    let kills = 0
    while (kills < 5 && (await ensure(extended, 1).catch((thrown: unknown) => thrown)) === killed) kills++
    // The role and its database, then the extension: the third run hands it over.
    assert.equal(kills, 2)
    assert.deepEqual(await ensure(extended), [])
  },
)

test(
  'every attribute and right beyond its own database is planned by name and taken away',
  options,
  async () => {
    await forget()
    await ensure()
    const wanted = await standing()
    await server.sql(
      `ALTER ROLE n8n_dev SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS NOLOGIN VALID UNTIL '2020-01-01Z'`,
    )
    await server.sql('GRANT CONNECT, CREATE ON DATABASE n8n_dev TO PUBLIC')
    const changes = await ensure()
    assert.deepEqual(
      changes.filter((line) => !/^PostgreSQL|^password {3}changed|valid until/.test(line)),
      [
        'SUPERUSER -> NOSUPERUSER',
        'CREATEDB -> NOCREATEDB',
        'CREATEROLE -> NOCREATEROLE',
        'REPLICATION -> NOREPLICATION',
        'BYPASSRLS -> NOBYPASSRLS',
        'NOLOGIN -> LOGIN',
        'CONNECT of every role   granted -> revoked',
        'CREATE of every role   granted -> revoked',
      ],
    )
    assert.ok(changes.some((line) => /^password valid until {3}2020-01-01 .*-> infinity$/.test(line)))
    assert.deepEqual(await standing(), wanted)
    assert.deepEqual(await ensure(), [])
  },
)

test(
  'a run says how many connections of the server its database needs, beside those of others',
  options,
  async () => {
    await server.sql('CREATE ROLE other LOGIN CONNECTION LIMIT 46')
    await ensure()
    await server.sql('DROP ROLE other')
    const budget = 'it needs 3, other roles were promised 46, 20 stay free, max_connections is 100'
    assert.deepEqual(told, [
      `PostgreSQL 127.0.0.1:${server.port} database n8n_dev, owner n8n_dev; connections: ${budget}`,
    ])
  },
)

test('a role that is there before its database keeps none of its attributes', options, async () => {
  await forget()
  await server.sql(`CREATE ROLE n8n_dev SUPERUSER BYPASSRLS LOGIN PASSWORD '${database.password.reveal()}'`)
  await ensure()
  const [row] = await server.sql(
    `select rolsuper or rolbypassrls as more from pg_roles where rolname = 'n8n_dev'`,
  )
  assert.deepEqual(row, { more: false })
})

for (const [what, given, taken, message] of [
  [
    'membership in another role',
    'GRANT pg_read_all_data TO n8n_dev',
    'REVOKE "pg_read_all_data" FROM "n8n_dev"',
    /has the rights of pg_read_all_data/,
  ],
  [
    'another role with all its rights',
    'GRANT n8n_dev TO stranger',
    'REVOKE "n8n_dev" FROM "stranger"',
    /stranger has all rights of role n8n_dev/,
  ],
  [
    'another role that may make schemas',
    'GRANT CREATE ON DATABASE n8n_dev TO stranger',
    'REVOKE CREATE ON DATABASE "n8n_dev" FROM "stranger"',
    /stranger may CREATE in database n8n_dev/,
  ],
] as const) {
  test(
    `${what} is refused with the statement that takes it away, nothing written: exit 5`,
    options,
    async () => {
      await forget()
      await ensure()
      await server.sql(given)
      await server.sql('GRANT CONNECT ON DATABASE n8n_dev TO PUBLIC')
      await assert.rejects(ensure(), (thrown) => {
        assert.ok(thrown instanceof KitError)
        assert.equal(thrown.exitCode, exitCodes.conflict)
        assert.match(thrown.message, message)
        assert.ok(thrown.hint?.includes(taken), thrown.hint)
        return true
      })
      assert.equal(await strangerGetsIn(), true, 'CONNECT is still granted')
      await server.sql(taken)
      assert.deepEqual(await ensure(), [
        'PostgreSQL database n8n_dev',
        'CONNECT of every role   granted -> revoked',
      ])
    },
  )
}

test('a role that may connect by its own name stays, and the report names it', options, async () => {
  await forget()
  await ensure()
  await server.sql('GRANT CONNECT ON DATABASE n8n_dev TO stranger')
  assert.deepEqual(await ensure(), [])
  assert.match(warnings.join('\n'), /role stranger has CONNECT on database n8n_dev/)
})

// PostgreSQL 14 and older let every role CREATE in schema public.
test(
  'a function that a role put into schema public of the database postgres does not run as superuser',
  options,
  async () => {
    await forget()
    await ensure()
    await server.sql('GRANT CREATE ON SCHEMA public TO PUBLIC')
    const planted = [
      `CREATE FUNCTION public.taken(text[], text) RETURNS text[] LANGUAGE plpgsql AS
         $$ BEGIN ALTER ROLE stranger SUPERUSER; RETURN $1 || $2; END $$`,
      // The catalog's own takes any type: one for text fits better.
      `CREATE AGGREGATE public.array_agg(text) (sfunc = public.taken, stype = text[], initcond = '{}')`,
    ]
    const { port } = server
    const login = { host: '127.0.0.1', port, user: 'stranger', password: sensitive('stranger'), tls: off }
    const stranger = await logIn({ ...login, database: 'postgres' })
    try {
      for (const statement of planted) await stranger.query(statement)
      await server.sql('GRANT CONNECT ON DATABASE n8n_dev TO PUBLIC')
      await ensure()
      const [row] = await server.sql(`select rolsuper from pg_roles where rolname = 'stranger'`)
      assert.deepEqual(row, { rolsuper: false })
    } finally {
      await stranger.query('DROP FUNCTION public.taken CASCADE')
      await stranger.end()
      await server.sql('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
      await forget()
    }
  },
)

test(
  'what an application’s database says: a text, and nothing where the value is NULL',
  options,
  async () => {
    await ensure()
    const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
    const postgres = createPostgres(server.settings, writes, { warn: () => {}, ok: () => {}, claim })
    try {
      assert.equal(await postgres.findText(database, `select 'said'`), 'said')
      const none = `select string_agg(name, ',') from (select 'one' where false) as rows (name)`
      assert.equal(await postgres.findText(database, none), undefined)
    } finally {
      await postgres.close()
      await forget()
    }
  },
)
