// A stand-in of n8n 2.41.1: its processes as their surroundings see them, and no workflows but a webhook whose
// Code node computes the answer. Words and exit codes are n8n's; its delays are shortened throughout.
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { runWorker, webhookRoutes } from './queue.mjs'
import { acceptPush, restRoutes } from './rest.mjs'
import { run as runRunner } from './runner.mjs'
import {
  endOnTerm,
  fail,
  isUp,
  listen,
  openPostgres,
  openRedis,
  openRequests,
  requireEnvironment,
} from './server.mjs'

const environment = process.env
const [role, ...flags] = process.argv.slice(2)
const state = { ready: false, ending: false, running: 0, server: undefined }

console.log(
  `STAND-IN of n8n 2.41.1 (${role ?? 'runner'}): it answers as n8n would to this platform and runs no real workflows`,
)

const tables = `
  SELECT pg_advisory_xact_lock(1005);
  CREATE TABLE IF NOT EXISTS twin_owner (
    id text PRIMARY KEY, email text NOT NULL, first_name text, last_name text, hash text NOT NULL);
  CREATE TABLE IF NOT EXISTS twin_workflow (
    id text PRIMARY KEY, name text NOT NULL, version_id text NOT NULL, active boolean NOT NULL DEFAULT false,
    is_archived boolean NOT NULL DEFAULT false, nodes jsonb NOT NULL, connections jsonb, settings jsonb);
  CREATE TABLE IF NOT EXISTS twin_execution (
    id bigserial PRIMARY KEY, workflow_id text NOT NULL REFERENCES twin_workflow ON DELETE CASCADE,
    mode text NOT NULL, status text NOT NULL, started_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS twin_api_key (
    id text PRIMARY KEY, label text NOT NULL, scopes jsonb NOT NULL, expires_at bigint, hash text NOT NULL);
  CREATE TABLE IF NOT EXISTS twin_key (type text PRIMARY KEY, proof text NOT NULL);`

/** What tells a key without holding it. */
const proofOf = (key) => createHmac('sha256', key).update('signing.hmac').digest('hex')

/** The real one waits 1, 2, 4, 8 and 16 seconds between its attempts. */
const connectDatabase = () =>
  openPostgres(
    {
      host: environment.DB_POSTGRESDB_HOST,
      port: Number(environment.DB_POSTGRESDB_PORT),
      database: environment.DB_POSTGRESDB_DATABASE,
      user: environment.DB_POSTGRESDB_USER,
      password: environment.DB_POSTGRESDB_PASSWORD,
      max: Number(environment.DB_POSTGRESDB_POOL_SIZE ?? 2),
      idleTimeoutMillis: Number(environment.DB_POSTGRESDB_IDLE_CONNECTION_TIMEOUT ?? 30_000),
    },
    5,
    {
      retrying: (attempt, why) =>
        `Initial database connection attempt ${attempt} failed: ${why}. Retrying in 1000ms`,
      failed: 'There was an error initializing DB',
    },
  )

/** The real one waits for the whole threshold at its start, too. */
function connectRedis() {
  const threshold = Number(environment.QUEUE_BULL_REDIS_TIMEOUT_THRESHOLD ?? 10_000)
  const socket = { host: environment.QUEUE_BULL_REDIS_HOST, port: Number(environment.QUEUE_BULL_REDIS_PORT) }
  const options = {
    socket,
    database: Number(environment.QUEUE_BULL_REDIS_DB),
    username: environment.QUEUE_BULL_REDIS_USERNAME,
    password: environment.QUEUE_BULL_REDIS_PASSWORD,
  }
  const patience = { atStart: Math.min(threshold, 5000), running: threshold }
  return openRedis(options, patience, {
    refused: ['NOAUTH Authentication required.'],
    lost: (waited, limit) =>
      `Lost Redis connection. Trying to reconnect in 1s... (${Math.round(waited / 1000)}s/${limit / 1000}s)`,
    gaveUp: ['Exiting process due to Redis connection error'],
  })
}

/** main makes the tables, the others wait for them; nobody goes on with another encryption key. */
async function migrate(database) {
  const proof = proofOf(environment.N8N_ENCRYPTION_KEY)
  if (role === 'start') {
    await database.query(tables)
    const values = ['signing.hmac', proof]
    await database.query('INSERT INTO twin_key VALUES ($1, $2) ON CONFLICT DO NOTHING', values)
  }
  const there = 'SELECT to_regclass($1) IS NOT NULL AS made'
  while (!(await database.query(there, ['twin_key'])).rows[0].made) await pause(300)
  let row
  while (row === undefined) {
    row = (await database.query('SELECT proof FROM twin_key WHERE type = $1', ['signing.hmac'])).rows[0]
    if (row === undefined) await pause(300)
  }
  if (row.proof !== proof) {
    fail("Deployment key 'signing.hmac' cannot be read with this instance encryption key")
  }
}

/** The owner the environment names, set again at every start. */
async function setOwner(database) {
  if (environment.N8N_INSTANCE_OWNER_MANAGED_BY_ENV !== 'true') return
  const hash = environment.N8N_INSTANCE_OWNER_PASSWORD_HASH ?? ''
  if (!/^\$2[aby]\$\d{2}\$[./A-Za-z0-9]{53}$/.test(hash)) {
    fail('N8N_INSTANCE_OWNER_PASSWORD_HASH is not a valid bcrypt hash. Provide a pre-hashed bcrypt string.')
  }
  requireEnvironment({ N8N_INSTANCE_OWNER_EMAIL: undefined })
  const { N8N_INSTANCE_OWNER_FIRST_NAME: first, N8N_INSTANCE_OWNER_LAST_NAME: last } = environment
  await database.query(
    `INSERT INTO twin_owner VALUES ('owner', $1, $2, $3, $4) ON CONFLICT (id) DO UPDATE
     SET email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name, hash = excluded.hash`,
    [environment.N8N_INSTANCE_OWNER_EMAIL.toLowerCase(), first, last, hash],
  )
}

const healthy = { json: { status: 'ok' } }
const unhealthy = { status: 503, json: { status: 'error' } }
const starting = { text: 'n8n is starting up. Please wait' }

/** Probes at once, `routes` when the process is ready; until then n8n answers 200 to everything else. */
function serve(port, database, routes, isReady) {
  const gated = Object.entries(routes).map(([key, handler]) => [
    key,
    (call) => (state.ready ? handler(call) : starting),
  ])
  return listen({
    port,
    routes: {
      'GET /healthz': () => healthy,
      'GET /healthz/readiness': async () => ((await isReady()) ? healthy : unhealthy),
      ...Object.fromEntries(gated),
    },
    broken: async () =>
      (await isUp(database))
        ? { status: 500, json: { code: 0, message: 'Internal server error' } }
        : { status: 503, json: { code: 503, message: 'Database is not ready!' } },
  })
}

async function startMain(database, port) {
  const context = { database, environment }
  state.server = serve(port, database, restRoutes(context), async () => state.ready && isUp(database))
  acceptPush(state.server, context)
  await connectRedis()
  await migrate(database)
  await setOwner(database)
  state.ready = true
  console.log(`n8n ready on ::, port ${port}`)
}

async function startWebhook(database, port) {
  const context = { database, prefix: environment.QUEUE_BULL_PREFIX ?? 'bull' }
  // The routes need Redis, the probes do not: they are there before it.
  const routes = { 'POST /webhook/*': (call) => context.call(call) }
  state.server = serve(port, database, routes, async () => state.ready && isUp(database))
  context.call = await webhookRoutes({
    ...context,
    redis: await connectRedis(),
    answers: await connectRedis(),
  })
  await migrate(database)
  state.ready = true
  console.log(`n8n ready on ::, port ${port}`)
}

async function startWorker(database) {
  const redis = await connectRedis()
  const waiting = await connectRedis()
  await migrate(database)
  state.ready = true
  const concurrency = Number(/--concurrency=(\d+)/.exec(flags.join(' '))?.[1] ?? 10)
  runWorker({ database, redis, waiting, environment, state, concurrency }).catch((error) =>
    fail(error.message),
  )
  if (environment.QUEUE_HEALTH_CHECK_ACTIVE !== 'true') return
  const isReady = async () => redis.isReady && waiting.isReady && isUp(database)
  serve(Number(environment.QUEUE_HEALTH_CHECK_PORT ?? 5678), database, {}, isReady)
  console.log(`n8n worker is ready, concurrency ${concurrency}`)
}

async function startProcess() {
  requireEnvironment({
    DB_TYPE: 'postgresdb',
    DB_POSTGRESDB_HOST: undefined,
    DB_POSTGRESDB_PORT: undefined,
    DB_POSTGRESDB_DATABASE: undefined,
    DB_POSTGRESDB_USER: undefined,
    DB_POSTGRESDB_PASSWORD: undefined,
    EXECUTIONS_MODE: 'queue',
    QUEUE_BULL_REDIS_HOST: undefined,
    QUEUE_BULL_REDIS_PORT: undefined,
    QUEUE_BULL_REDIS_DB: undefined,
    N8N_ENCRYPTION_KEY: undefined,
    N8N_RUNNERS_AUTH_TOKEN: undefined,
  })
  // n8n writes its settings file even when the key comes from the environment: the folder must be writable.
  writeFileSync(`${homedir()}/.n8n/config`, '{}', { mode: 0o600 })
  endOnTerm({
    seconds: Number(environment.N8N_GRACEFUL_SHUTDOWN_TIMEOUT ?? 30),
    stop: () => {
      state.ending = true
      state.server?.close()
    },
    isBusy: () => state.running > 0 || (role !== 'worker' && openRequests() > 0),
  })
  const database = await connectDatabase()
  const port = Number(environment.N8N_PORT ?? 5678)
  if (role === 'start') await startMain(database, port)
  if (role === 'webhook') await startWebhook(database, port)
  if (role === 'worker') await startWorker(database)
}

if (['start', 'webhook', 'worker'].includes(role)) await startProcess()
else if (role === undefined && environment.N8N_RUNNERS_TASK_BROKER_URI) await runRunner(environment)
else fail(`this stand-in knows start, webhook, worker and its runner, not ${role ?? 'nothing'}`)
