// What module 13 gives Superset, and what it asks of it.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { serve } from './serve.mjs'
import { endOnTerm, fail } from './server.mjs'
import { decrypt, results, tables } from './superset-store.mjs'
import { routesOf } from './superset-web.mjs'

/** A version's own schema: 6.1.x share one, 6.2.0 moves it. 6.1.2 is an image without the PostgreSQL driver. */
const revisionOf = (version) => (version.startsWith('6.1.') ? '4b2a8c9d3e1f' : '9c1d7e5f2a3b')
const withoutDriver = '6.1.2'

const configuration = (env) => `${env.PYTHONPATH}/superset_config.py`
const alive = (env) => `${env.STAND_IN_TMP ?? '/tmp'}/celery-alive`
const touch = (env) => writeFileSync(alive(env), '')

/** The real one goes on without it, on SQLite; this one has nothing to go on with. */
function readConfiguration(env) {
  if (!existsSync(configuration(env)))
    fail('no superset_config.py: Superset would run on SQLite in its own folder')
  const text = readFileSync(configuration(env), 'utf8')
  for (const [, name] of text.matchAll(/os\.environ\["(\w+)"\]/g)) if (!env[name]) fail(`KeyError: '${name}'`)
  console.log(`Loaded your LOCAL configuration at [${configuration(env)}]`)
}

function preflight({ env, version }) {
  if (version === withoutDriver) fail('preflight: no module psycopg2')
  readConfiguration(env)
  console.log('preflight: a stand-in has no Python')
  process.exit(0)
}

/** Alembic's words for a schema that this version does not know. */
const known = ['4b2a8c9d3e1f']

/** `superset db upgrade`: the tables, and the name of the schema. */
async function upgrade({ version, postgres }) {
  await postgres.query(tables)
  const { rows } = await postgres.query('SELECT version_num FROM alembic_version')
  const [now] = rows.map(({ version_num: one }) => one)
  const wanted = revisionOf(version)
  if (now !== undefined && now !== wanted && !known.includes(now))
    fail(`Can't locate revision identified by '${now}'`)
  await postgres.query('DELETE FROM alembic_version')
  await postgres.query('INSERT INTO alembic_version VALUES ($1)', [wanted])
}

/** `superset init`: the role Admin and its permissions. */
async function initialize({ postgres }) {
  await postgres.query(`INSERT INTO ab_role (name) VALUES ('Admin') ON CONFLICT DO NOTHING`)
  await postgres.query(`INSERT INTO ab_permission_view_role (role_id)
    SELECT id FROM ab_role WHERE NOT EXISTS (SELECT 1 FROM ab_permission_view_role)`)
}

/** `superset fab create-admin`: it exits 0 for an account that is there. */
async function createAdmin({ env, postgres }) {
  const hash = createHash('sha256').update(env.FLASK_FAB_CREATE_ADMIN_PASSWORD).digest('hex')
  const row = [env.FLASK_FAB_CREATE_ADMIN_USERNAME, env.FLASK_FAB_CREATE_ADMIN_EMAIL, hash]
  await postgres.query('INSERT INTO ab_user VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', row)
  console.log('Recognized Database Authentications.\nAdmin User made or there already.')
}

/** Commands of the program `superset`, in this order; then the process ends. */
const run =
  (...commands) =>
  async (tools) => {
    readConfiguration(tools.env)
    for (const one of commands)
      await one(tools).catch(({ message }) => fail(`psycopg2.errors.InsufficientPrivilege: ${message}`))
    process.exit(0)
  }

const requireMigrated = (postgres) =>
  postgres
    .query('SELECT version_num FROM alembic_version')
    .catch(() => fail('psycopg2.errors.UndefinedTable: relation "alembic_version" does not exist'))

async function runWeb(tools) {
  readConfiguration(tools.env)
  await requireMigrated(tools.postgres)
  serve({ port: tools.env.STAND_IN_PORT ?? 8088, routes: routesOf(tools) })
}

/** Runs one query of SQL Lab by the stored connection, and keeps its rows in Redis. */
async function runQuery({ env, postgres, redis }, id) {
  const row = async (sql, values) => (await postgres.query(sql, values)).rows[0]
  await postgres.query(`UPDATE query SET status = 'running' WHERE id = $1`, [id])
  try {
    const { database_id: of, sql } = await row('SELECT database_id, sql FROM query WHERE id = $1', [id])
    const { secret } = await row('SELECT secret FROM dbs WHERE id = $1', [of])
    const connectionString = decrypt(env.SUPERSET_SECRET_KEY, secret).replace('+psycopg2', '')
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 3000 })
    await client.connect()
    const { rows } = await client.query(sql).finally(() => client.end())
    const key = randomUUID()
    await redis.set(results + key, JSON.stringify(rows), { expiration: { type: 'EX', value: 3600 } })
    await postgres.query(`UPDATE query SET status = 'success', results_key = $2 WHERE id = $1`, [id, key])
  } catch ({ message }) {
    await postgres.query(`UPDATE query SET status = 'failed', error_message = $2 WHERE id = $1`, [
      id,
      message,
    ])
  }
}

async function runWorker(tools) {
  const { env, postgres, redis } = tools
  readConfiguration(env)
  await requireMigrated(postgres)
  let [ended, busy] = [false, false]
  endOnTerm({ seconds: 300, stop: () => (ended = true), isBusy: () => busy })
  const queue = redis.duplicate()
  queue.on('error', () => {})
  await queue.connect()
  while (!ended) {
    touch(env)
    // As Celery, which connects again without an end: what waits in Redis is done when it is back.
    const taken = await queue.blPop('celery', 2).catch(() => pause(1000, null))
    if (taken === null) continue
    busy = true
    const { query } = JSON.parse(taken.element)
    if (query !== undefined) await runQuery(tools, query)
    busy = false
  }
}

async function runBeat({ env, redis }) {
  readConfiguration(env)
  let ended = false
  endOnTerm({ seconds: 5, stop: () => (ended = true), isBusy: () => false })
  while (!ended) {
    console.log('Scheduler: Sending due task keybuzz.tick (celery.backend_cleanup)')
    touch(env)
    await redis.rPush('celery', JSON.stringify({ task: 'celery.backend_cleanup' }))
    await pause(5000)
  }
}

function askAlive({ env }) {
  process.exit(existsSync(alive(env)) && Date.now() - statSync(alive(env)).mtimeMs < 300_000 ? 0 : 1)
}

const isRunning = (command) => /^(gunicorn|celery|sh|superset) /.test(command)

const postgresTls = ({ POSTGRES_SSLMODE: mode, POSTGRES_SSLROOTCERT: ca }) =>
  mode && { ssl: { rejectUnauthorized: mode === 'verify-full', ...(ca && { ca: readFileSync(ca, 'utf8') }) } }

const redisTls = ({ REDIS_SSL_CERT_REQS: wanted, REDIS_SSL_CA_CERTS: ca }) =>
  wanted && {
    tls: true,
    rejectUnauthorized: wanted === 'required',
    ...(ca && { ca: readFileSync(ca, 'utf8') }),
  }

export const app = {
  title: 'Superset',
  required: {
    exact: { SUPERSET_ENV: 'production' },
    names: [
      'SUPERSET_SECRET_KEY',
      'GUEST_TOKEN_JWT_SECRET',
      'GLOBAL_ASYNC_QUERIES_JWT_SECRET',
      'PYTHONPATH',
      'HOME',
    ],
  },
  // Preflight and probes log in nowhere, as the real ones.
  backends: (env, command) =>
    isRunning(command)
      ? {
          postgres: {
            host: env.POSTGRES_HOST,
            port: Number(env.POSTGRES_PORT),
            database: env.POSTGRES_DATABASE,
            user: env.POSTGRES_USER,
            password: env.POSTGRES_PASSWORD,
            ...postgresTls(env),
          },
          redis: {
            socket: { host: env.REDIS_HOST, port: Number(env.REDIS_PORT), ...redisTls(env) },
            password: env.REDIS_PASSWORD,
            database: Number(env.REDIS_DB),
          },
        }
      : {},
  // Redis' absence ends no process of Superset.
  redisPatience: { atStart: 5000, running: Infinity },
  says: {
    postgres: {
      retrying: (attempt, why) => `psycopg2.OperationalError, attempt ${attempt}: ${why}`,
      failed: 'psycopg2.OperationalError: connection to server at the address failed',
    },
    redis: {
      refused: 'redis.exceptions.AuthenticationError: no login',
      lost: (waited) => `redis.exceptions.ConnectionError: away for ${Math.round(waited / 1000)} s`,
      gaveUp: 'redis.exceptions.ConnectionError: gave up',
    },
  },
  commands: [
    [/^gunicorn /, runWeb],
    [/^celery .* worker /, runWorker],
    [/^celery .* beat /, runBeat],
    // With values of Vault a shell of the image runs them one by one.
    [/^sh -c .*superset db upgrade/, run(upgrade, initialize, createAdmin)],
    [/^superset db upgrade$/, run(upgrade)],
    [/^superset init$/, run(initialize)],
    [/^superset fab create-admin$/, run(createAdmin)],
    [/^python -c [^]*psycopg2/, preflight],
    [/^python -c [^]*celery-alive/, askAlive],
    [/^python -c [^]*superset_config/, ({ env }) => (console.log(configuration(env)), process.exit(0))],
  ],
}
