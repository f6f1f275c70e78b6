import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createPostgres } from '../../../lib/backends/postgres.mts'
import { failingBackends } from '../../../lib/backends/needs.mts'
import { logIn } from '../../../lib/backends/postgres-login.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import {
  adminPassword,
  database,
  startPostgres,
  withoutPostgres,
  type PostgresServer,
} from './postgres-server.mts'

// Asked of a real PostgreSQL: what passes every look and cannot be used.

const options = { skip: withoutPostgres }
let server: PostgresServer

before(async () => {
  if (withoutPostgres === false) server = await startPostgres()
})
after(() => server?.stop())

/** One run of the kit. @returns what it changed, by name and field */
async function ensure(how: 'ensureDatabase' | 'tryOut' = 'ensureDatabase'): Promise<string[]> {
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  const claim = 'keybuzz c0ffee dev/12_n8n'
  const postgres = createPostgres(server.settings, writes, { warn: () => {}, ok: () => {}, claim })
  try {
    await postgres[how](database)
  } finally {
    await postgres.close()
  }
  return writes.changes.flatMap(({ what, fields = [] }) => [what, ...fields])
}

test(
  'tables the superuser restored are refused before a write, with the statement that hands them over',
  options,
  async () => {
    await ensure()
    await server.sql('CREATE TABLE "A workflow" (id serial primary key)', 'n8n_dev')
    await server.sql('CREATE VIEW active AS SELECT 1 AS one', 'n8n_dev')
    await server.sql('CREATE SEQUENCE alone', 'n8n_dev')
    // Of whoever broke into the application: it fits better than pg_catalog's own.
    await server.sql(
      `CREATE FUNCTION public.format(text, regclass, text) RETURNS text LANGUAGE plpgsql AS
         $$ BEGIN ALTER ROLE n8n_dev SUPERUSER; RETURN 'SELECT 1'; END $$`,
      'n8n_dev',
    )
    // What an extension made is the extension's.
    await server.sql('CREATE EXTENSION IF NOT EXISTS pg_stat_statements', 'n8n_dev').catch(() => {})
    const error = (await ensure('tryOut').catch((thrown: unknown) => thrown)) as KitError
    assert.ok(error instanceof KitError, String(error))
    assert.equal(error.exitCode, exitCodes.conflict)
    assert.match(error.message, /3 tables of database n8n_dev belong to admin, not to n8n_dev/)
    assert.equal(error.details[0], 'A workflow, active, alone')
    const [, statement = ''] = /and there: (.*)$/.exec(error.hint ?? '') ?? []
    const psql = '/usr/bin/psql'
    if (existsSync(psql)) {
      execFileSync(
        psql,
        [
          '-h',
          '127.0.0.1',
          '-p',
          String(server.port),
          '-U',
          'admin',
          '-d',
          'n8n_dev',
          '-v',
          'ON_ERROR_STOP=1',
        ],
        {
          input: `${statement}\n`,
          env: { ...process.env, PGPASSWORD: adminPassword },
        },
      )
      assert.deepEqual(await ensure(), [])
    }
  },
)

test('a role whose password has expired is put right once, and stands then', options, async () => {
  await server.sql('DROP DATABASE IF EXISTS n8n_dev WITH (FORCE)')
  await ensure()
  await server.sql(`ALTER ROLE n8n_dev VALID UNTIL '2020-01-01Z' NOLOGIN`)
  assert.match((await ensure()).join('\n'), /NOLOGIN -> LOGIN\n.*2020.* -> infinity/)
  assert.deepEqual(await ensure(), [])
})

test('a login that is shut is told as that, not as a line of pg_hba.conf', options, async () => {
  const login = {
    host: '127.0.0.1',
    port: server.port,
    user: 'closed',
    password: sensitive('its own password'),
    tls: { mode: 'off', ca: undefined },
  } as const
  const refused = async (name: string): Promise<KitError> => {
    const thrown = await logIn({ ...login, database: name }).catch((cause: unknown) => cause)
    assert.ok(thrown instanceof KitError, String(thrown))
    return thrown
  }
  await server.sql(`CREATE ROLE closed NOLOGIN PASSWORD 'its own password'`)
  const nologin = await refused('postgres')
  assert.equal(nologin.exitCode, exitCodes.denied)
  assert.match(nologin.message, /role closed has NOLOGIN$/)
  assert.doesNotMatch(nologin.hint ?? '', /pg_hba/)
  await server.sql(`ALTER ROLE closed LOGIN VALID UNTIL '2020-01-01Z'`)
  assert.match((await refused('postgres')).hint ?? '', /VALID UNTIL/)
  await server.sql(`ALTER ROLE closed VALID UNTIL 'infinity' CONNECTION LIMIT 0`)
  assert.match((await refused('postgres')).hint ?? '', /CONNECTION LIMIT/)
  await server.sql(`ALTER ROLE closed CONNECTION LIMIT 5`)
  await server.sql('CREATE DATABASE shut ALLOW_CONNECTIONS false')
  const shut = await refused('shut')
  assert.equal(shut.exitCode, exitCodes.denied)
  assert.match(shut.message, /database shut accepts no connections/)
})

test(
  'a database whose schema public is gone is told in the server’s own words: exit 9',
  options,
  async () => {
    await server.sql('DROP DATABASE IF EXISTS n8n_dev WITH (FORCE)')
    await ensure()
    await server.sql('DROP SCHEMA public CASCADE', 'n8n_dev')
    await server.sql(`ALTER ROLE n8n_dev PASSWORD 'another one'`)
    await assert.rejects(ensure(), {
      exitCode: exitCodes.rolloutFailed,
      message: /refused a statement: schema "public" does not exist/,
    })
  },
)

test(
  'a database that was dropped is named: exit 3, by a login and where the cause of failures is looked for',
  options,
  async () => {
    await server.sql('DROP DATABASE IF EXISTS n8n_dev WITH (FORCE)')
    await ensure()
    const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
    const postgres = createPostgres(server.settings, writes, {
      warn: () => {},
      ok: () => {},
      claim: 'keybuzz',
    })
    const causes = () => failingBackends({ postgres: database }, { postgres } as never)
    try {
      assert.deepEqual(await causes(), [])
      await server.sql('DROP DATABASE n8n_dev WITH (FORCE)')
      const missing = { exitCode: exitCodes.preflight, message: /^PostgreSQL .* has no database n8n_dev$/ }
      const [cause] = await causes()
      assert.equal(cause?.exitCode, missing.exitCode)
      assert.match(cause.message, missing.message)
      const tls = { mode: 'off', ca: undefined } as const
      const login = {
        host: '127.0.0.1',
        port: server.port,
        user: 'admin',
        password: sensitive(adminPassword),
        tls,
      }
      await assert.rejects(logIn({ ...login, database: 'n8n_dev' }), missing)
    } finally {
      await postgres.close()
    }
  },
)
