import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { databaseDump } from '../../../lib/backends/postgres-dump.mts'
import { logIn, type Connection } from '../../../lib/backends/postgres-login.mts'
import { createPostgres } from '../../../lib/backends/postgres.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { programs, startPostgres, withoutPostgres, type PostgresServer } from './postgres-server.mts'

// The commands that the kit shows for a backup and a restore, typed into a shell, against a real PostgreSQL. kubectl
// is a stand-in that does nothing.

const password = 'the role’s own password'
const database = {
  name: 'chat_dev',
  owner: 'chat_dev',
  password: sensitive(password),
  connections: 3,
  supportedFrom: 10,
  extensions: ['pg_trgm', 'pgcrypto'].map((name) => ({ name, packageFor: () => 'postgresql-contrib' })),
}
const folder = mkdtempSync(join(tmpdir(), 'keybuzz-dump-'))
let server: PostgresServer

before(async () => {
  if (withoutPostgres !== false) return
  server = await startPostgres()
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  const claim = 'keybuzz c0ffee dev/11_chatwoot'
  const postgres = createPostgres(server.settings, writes, { warn: () => {}, ok: () => {}, claim })
  await postgres.ensureDatabase(database)
  await postgres.close()
})
after(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true })
})

const commands = () =>
  databaseDump({
    settings: server.settings,
    database,
    password: 'CHAT_PASSWORD in credentials/dev/11_chat.env',
    file: 'chat',
    namespace: 'chat-dev',
    stopped: '--all',
    started: [['--all', 2]],
  })

/** Types one line after another into a shell. @returns what was written to stderr, with the exit code of each that failed */
function typed(lines: readonly string[]): string {
  const script = ['kubectl() { :; }', ...lines.map((line) => `${line}\n[ $? = 0 ] || echo "exit $?" >&2`)]
  const PATH = `${programs}:${process.env['PATH']}`
  return spawnSync('bash', ['--norc', '-c', script.join('\n')], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH, PGPASSWORD: password },
  }).stderr
}

async function asOwner<T>(act: (connection: Connection) => Promise<T>): Promise<T> {
  const { port } = server
  const tls = { mode: 'off', ca: undefined } as const
  const { name, owner } = database
  const connection = await logIn({
    host: '127.0.0.1',
    port,
    user: owner,
    password: sensitive(password),
    database: name,
    tls,
  })
  try {
    return await act(connection)
  } finally {
    await connection.end()
  }
}

/** What an application makes by its migrations, and a function of who broke into it. */
const schema = [
  'CREATE TABLE parents (id bigserial PRIMARY KEY, secret bytea DEFAULT gen_random_bytes(4), name text NOT NULL)',
  'CREATE TABLE children (id uuid DEFAULT gen_random_uuid(), parent bigint REFERENCES parents ON DELETE CASCADE)',
  'CREATE INDEX by_name ON parents USING gin (name gin_trgm_ops)',
  'CREATE VIEW names AS SELECT name FROM parents',
  "INSERT INTO parents (name) VALUES ('first'), ('second')",
  'INSERT INTO children (parent) VALUES (1)',
  `CREATE FUNCTION taken(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
     RESET ROLE;
     IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE chat_dev SUPERUSER; END IF;
     RETURN true;
   END $$`,
  'ALTER TABLE parents ADD CHECK (taken(name))',
]

test(
  'a dump is restored without an error, as the owner: a function in it does not run as superuser',
  { skip: withoutPostgres },
  async () => {
    await asOwner(async (connection) => {
      for (const statement of schema) await connection.query(statement)
    })
    const { backup, restore } = commands()
    assert.equal(typed(backup), '')
    await asOwner((connection) => connection.query(`UPDATE parents SET name = 'migrated'; DROP VIEW names`))
    assert.equal(typed(restore), '')
    await asOwner(async (connection) => {
      const { rows } = await connection.query<{ name: string }>('SELECT name FROM names ORDER BY name')
      assert.deepEqual(
        rows.map(({ name }) => name),
        ['first', 'second'],
      )
      const count = await connection.query('SELECT FROM children JOIN parents ON parent = parents.id')
      assert.equal(count.rowCount, 1)
    })
    const standing = await server.sql(
      `SELECT extname::text AS what, pg_get_userbyid(extowner)::text AS owner FROM pg_extension WHERE extname <> 'plpgsql'
        UNION ALL SELECT relname::text, pg_get_userbyid(relowner)::text FROM pg_class WHERE relname IN ('parents', 'names')
        UNION ALL SELECT rolname::text, rolsuper::text FROM pg_roles WHERE rolname = 'chat_dev' ORDER BY 1`,
      database.name,
    )
    assert.deepEqual(standing, [
      { what: 'chat_dev', owner: 'false' },
      { what: 'names', owner: 'chat_dev' },
      { what: 'parents', owner: 'chat_dev' },
      { what: 'pg_trgm', owner: 'admin' },
      { what: 'pgcrypto', owner: 'admin' },
    ])
  },
)
