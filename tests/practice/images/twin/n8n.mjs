// A stand-in of n8n 2.41: its processes as their surroundings see them, and no workflows but a webhook whose
// Code node computes the answer. Words and exit codes are n8n's; its delays are shortened throughout.
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { runWorker, webhookCall } from './queue.mjs'
import { acceptPush, restRoutes } from './rest.mjs'
import { runRunner } from './runner.mjs'
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

const env = process.env
const [role, ...flags] = process.argv.slice(2)
const state = { ready: false, ending: false, running: 0, server: undefined }

const tables = `
  SELECT pg_advisory_xact_lock(1005);
  CREATE TABLE IF NOT EXISTS twin_owner (
    id text PRIMARY KEY, email text NOT NULL, "firstName" text, "lastName" text, hash text NOT NULL);
  CREATE TABLE IF NOT EXISTS twin_workflow (
    id text PRIMARY KEY, name text NOT NULL, "versionId" text NOT NULL, active boolean NOT NULL DEFAULT false,
    "isArchived" boolean NOT NULL DEFAULT false, nodes jsonb NOT NULL, connections jsonb, settings jsonb);
  CREATE TABLE IF NOT EXISTS twin_execution (
    id bigserial PRIMARY KEY, "workflowId" text NOT NULL REFERENCES twin_workflow ON DELETE CASCADE,
    mode text NOT NULL DEFAULT 'webhook', status text NOT NULL DEFAULT 'new', "startedAt" timestamptz DEFAULT now());
  CREATE TABLE IF NOT EXISTS twin_api_key (
    id text PRIMARY KEY, label text NOT NULL, scopes jsonb NOT NULL, "expiresAt" bigint, hash text NOT NULL);
  CREATE TABLE IF NOT EXISTS twin_credential (id text PRIMARY KEY, name text NOT NULL, type text NOT NULL, data text NOT NULL);
  CREATE TABLE IF NOT EXISTS migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name text NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS twin_key (proof text NOT NULL, one boolean PRIMARY KEY DEFAULT true);`

const version = env.TWIN_VERSION ?? '2.41.1'

/** What a main of this version has migrated when it serves: a patch release moves nothing, a minor one does. */
const migrations = [
  { timestamp: 1750000000000, name: 'TwinInitial1750000000000' },
  ...(version.startsWith('2.41.') ? [] : [{ timestamp: 1790000000000, name: 'TwinMoved1790000000000' }]),
]

/** The real one waits 1, 2, 4, 8 and 16 seconds between its attempts. */
function connectDatabase() {
  const options = {
    host: env.DB_POSTGRESDB_HOST,
    port: Number(env.DB_POSTGRESDB_PORT),
    database: env.DB_POSTGRESDB_DATABASE,
    user: env.DB_POSTGRESDB_USER,
    password: env.DB_POSTGRESDB_PASSWORD,
    max: Number(env.DB_POSTGRESDB_POOL_SIZE ?? 2),
    idleTimeoutMillis: Number(env.DB_POSTGRESDB_IDLE_CONNECTION_TIMEOUT ?? 30_000),
  }
  return openPostgres(options, 5, {
    retrying: (attempt, why) =>
      `Initial database connection attempt ${attempt} failed: ${why}. Retrying in 1000ms`,
    failed: 'There was an error initializing DB',
  })
}

/** The real one waits for the whole threshold at its start, too. */
function connectRedis() {
  const threshold = Number(env.QUEUE_BULL_REDIS_TIMEOUT_THRESHOLD ?? 10_000)
  const options = {
    socket: { host: env.QUEUE_BULL_REDIS_HOST, port: Number(env.QUEUE_BULL_REDIS_PORT) },
    database: Number(env.QUEUE_BULL_REDIS_DB),
    username: env.QUEUE_BULL_REDIS_USERNAME,
    password: env.QUEUE_BULL_REDIS_PASSWORD,
  }
  const seconds = (milliseconds) => `${Math.round(milliseconds / 1000)}s`
  return openRedis(
    options,
    { atStart: Math.min(threshold, 5000), running: threshold },
    {
      refused: 'NOAUTH Authentication required.',
      lost: (waited, limit) =>
        `Lost Redis connection. Trying to reconnect in 1s... (${seconds(waited)}/${seconds(limit)})`,
      gaveUp: 'Exiting process due to Redis connection error',
    },
  )
}

/** main makes the tables, the others wait for them; nobody goes on with another encryption key than main had. */
async function migrate(database) {
  const proof = createHmac('sha256', env.N8N_ENCRYPTION_KEY).update('signing.hmac').digest('hex')
  if (role === 'start') {
    await database.query(tables)
    for (const { timestamp, name } of migrations) {
      const insert = 'INSERT INTO migrations (timestamp, name) VALUES ($1, $2) ON CONFLICT DO NOTHING'
      await database.query(insert, [timestamp, name])
    }
    await database.query('INSERT INTO twin_key VALUES ($1) ON CONFLICT DO NOTHING', [proof])
  }
  for (;;) {
    const made = await database.query("SELECT 1 FROM pg_tables WHERE tablename = 'twin_key'")
    const { rows } = made.rowCount === 0 ? made : await database.query('SELECT proof FROM twin_key')
    if (rows[0]?.proof === proof) return
    if (rows.length > 0)
      fail("Deployment key 'signing.hmac' cannot be read with this instance encryption key")
    await pause(300)
  }
}

/** The owner the environment names, set again at every start. */
async function setOwner(database) {
  if (env.N8N_INSTANCE_OWNER_MANAGED_BY_ENV !== 'true') return
  requireEnvironment({}, ['N8N_INSTANCE_OWNER_EMAIL'])
  const hash = env.N8N_INSTANCE_OWNER_PASSWORD_HASH ?? ''
  if (!/^\$2[aby]\$\d{2}\$[./A-Za-z0-9]{53}$/.test(hash)) {
    fail('N8N_INSTANCE_OWNER_PASSWORD_HASH is not a valid bcrypt hash. Provide a pre-hashed bcrypt string.')
  }
  const { N8N_INSTANCE_OWNER_FIRST_NAME: first, N8N_INSTANCE_OWNER_LAST_NAME: last } = env
  await database.query('DELETE FROM twin_owner')
  const values = [env.N8N_INSTANCE_OWNER_EMAIL.toLowerCase(), first, last, hash]
  await database.query("INSERT INTO twin_owner VALUES ('owner', $1, $2, $3, $4)", values)
}

const healthy = { json: { status: 'ok' } }
const unhealthy = { status: 503, json: { status: 'error' } }

/** The probes at once, `routes` when the process is ready; until then n8n answers 200 to everything else. */
function serve(port, database, routes, isConnected = () => true) {
  const gated = Object.entries(routes).map(([key, handler]) => [
    key,
    (call) => (state.ready ? handler(call) : { text: 'n8n is starting up. Please wait' }),
  ])
  const isReady = async () => state.ready && isConnected() && isUp(database)
  state.server = listen({
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

const start = {
  async start(database, port) {
    serve(port, database, restRoutes(database, env))
    acceptPush(state.server, database, env)
    await connectRedis()
    await migrate(database)
    await setOwner(database)
  },

  async webhook(database, port) {
    // The probes answer before Redis and the tables are there.
    let call
    serve(port, database, { 'POST /webhook/*': (request) => call(request) })
    call = await webhookCall(database, await connectRedis(), await connectRedis(), env)
    await migrate(database)
  },

  async worker(database) {
    const [redis, blocked] = [await connectRedis(), await connectRedis()]
    await migrate(database)
    const concurrency = Number(/--concurrency=(\d+)/.exec(flags.join(' '))?.[1] ?? 10)
    runWorker({ database, redis, blocked, env, state, concurrency }).catch((error) => fail(error.message))
    if (env.QUEUE_HEALTH_CHECK_ACTIVE !== 'true') return
    serve(Number(env.QUEUE_HEALTH_CHECK_PORT ?? 5678), database, {}, () => redis.isReady)
  },
}

async function runProcess() {
  const database = ['HOST', 'PORT', 'DATABASE', 'USER', 'PASSWORD'].map((one) => `DB_POSTGRESDB_${one}`)
  const redis = ['HOST', 'PORT', 'DB'].map((one) => `QUEUE_BULL_REDIS_${one}`)
  const names = [...database, ...redis, 'N8N_ENCRYPTION_KEY', 'N8N_RUNNERS_AUTH_TOKEN']
  requireEnvironment({ DB_TYPE: 'postgresdb', EXECUTIONS_MODE: 'queue' }, names)
  // n8n writes its settings file even when the key comes from the environment: the folder must be writable.
  writeFileSync(`${homedir()}/.n8n/config`, '{}', { mode: 0o600 })
  endOnTerm({
    seconds: Number(env.N8N_GRACEFUL_SHUTDOWN_TIMEOUT ?? 30),
    stop: () => {
      state.ending = true
      state.server?.close()
    },
    // The line a worker's runner holds is always open.
    isBusy: () => state.running > 0 || (role !== 'worker' && openRequests() > 0),
  })
  await start[role](await connectDatabase(), Number(env.N8N_PORT ?? 5678))
  state.ready = true
  console.log(`n8n ${role} ready`)
}

const what = `STAND-IN of n8n ${version} (${role ?? 'runner'})`
console.log(`${what}: it answers as n8n would to this platform and runs no real workflows`)
if (Object.hasOwn(start, role ?? '')) await runProcess()
else if (role === undefined && env.N8N_RUNNERS_TASK_BROKER_URI) await runRunner(env)
else fail(`this stand-in knows start, webhook, worker and its runner, not ${role ?? 'nothing'}`)
