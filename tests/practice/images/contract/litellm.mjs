// What module 15 gives LiteLLM, and what it asks of it: the tables are LiteLLM's own, made by its own migrations.
import { createCipheriv, createDecipheriv, createHash, randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'
import { createClient } from 'redis'
import { parse } from 'yaml'
import { serve } from './serve.mjs'
import { fail, isUp } from './server.mjs'

/** The migrations that the real image ships, out of its Python package. */
const shipped = '/usr/lib/python3/dist-packages/litellm_proxy_extras/migrations'
/** 1.108.14 and 1.108.15 share a schema, 1.109.0 moves it. */
const moved = '20990101000000_practice'
const hashOf = (text) => createHash('sha256').update(text).digest('hex')

const configOf = (command) => {
  const [, file] = /--config (\S+)/.exec(command) ?? fail('Error: --config is missing')
  return parse(readFileSync(file, 'utf8')) ?? {}
}
/** `os.environ/NAME`, as LiteLLM reads it: an unset name is nothing it complains of. */
const resolved = (value) =>
  String(value ?? '').startsWith('os.environ/') ? process.env[value.slice('os.environ/'.length)] : value

function addressOf(env) {
  const [host, port = '5432'] = env.DATABASE_HOST.split(/:(?=\d+$)/)
  return {
    host,
    port: Number(port),
    database: env.DATABASE_NAME,
    user: env.DATABASE_USERNAME,
    password: env.DATABASE_PASSWORD,
    ...(env.DATABASE_SSLMODE === undefined ? {} : { ssl: sslOf(env) }),
  }
}

const sslOf = ({ DATABASE_SSLMODE: mode, DATABASE_SSLROOTCERT: file }) =>
  mode === 'verify-full' ? { ca: readFileSync(file) } : { rejectUnauthorized: false }

/** What `--validate_config` finds, which is not much. */
function validate({ command }) {
  const { model_list: models = [] } = configOf(command)
  const wrong = models.find(({ litellm_params: params }) => params?.model === undefined)
  if (wrong !== undefined) fail("config validation failed: 'model'")
  console.log(`config OK (${models.length} models)`)
  process.exit(0)
}

const history = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
  logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`

/** Applies what the image ships, under a lock of the session, each in a transaction of its own. */
async function migrate({ env, version }) {
  if (env.DISABLE_SCHEMA_UPDATE === 'true')
    fail('this stand-in: the Job that migrates must not have DISABLE_SCHEMA_UPDATE')
  const database = new pg.Client({ ...addressOf(env), connectionTimeoutMillis: 5000 })
  await database.connect().catch(({ message }) => fail(`P1001: Can't reach database server: ${message}`))
  await database.query('SELECT pg_advisory_lock(72707369)')
  const { rows: tables } = await database.query(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'",
  )
  const fresh =
    (await database.query("SELECT to_regclass('_prisma_migrations') AS found")).rows[0].found === null
  if (fresh && tables.length > 0) fail('Error: P3005', 'The database schema is not empty.')
  await database.query(history)
  const { rows } = await database.query(
    'SELECT migration_name, finished_at, rolled_back_at FROM _prisma_migrations',
  )
  const half = rows.find((one) => one.finished_at === null && one.rolled_back_at === null)
  if (half !== undefined) fail(`Error: P3009: the migration ${half.migration_name} failed before`)
  const done = new Set(rows.filter((one) => one.finished_at !== null).map((one) => one.migration_name))
  for (const name of namesFor(version).filter((one) => !done.has(one))) await apply(database, name)
  console.log(`${namesFor(version).length} migrations found, ${done.size} were applied before`)
  await database.end()
  process.exit(0)
}

const namesFor = (version) => [
  ...(existsSync(shipped)
    ? readdirSync(shipped).filter((name) => existsSync(`${shipped}/${name}/migration.sql`))
    : []
  ).sort(),
  ...(version.startsWith('1.108.') ? [] : [moved]),
]

async function apply(database, name) {
  const sql =
    name === moved
      ? 'CREATE TABLE practice_moved (id int)'
      : readFileSync(`${shipped}/${name}/migration.sql`, 'utf8')
  const id = randomUUID()
  await database.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    hashOf(sql),
    name,
  ])
  await database
    .query(sql)
    .catch(({ code, message }) =>
      fail(
        `Error: P3018: migration ${name} failed: Database error code: ${code}: ${message}`,
        'Database migration cannot proceed',
      ),
    )
  await database.query(
    'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1',
    [id],
  )
}

/** One try, as LiteLLM's own client: a pod whose first connection failed never tries again. */
async function openDatabase(env) {
  const pool = new pg.Pool({ ...addressOf(env), max: 4, connectionTimeoutMillis: 3000, query_timeout: 5000 })
  pool.on('error', ({ message }) => console.error(`PostgreSQL: ${message}`))
  try {
    await pool.query('SELECT 1 FROM _prisma_migrations LIMIT 1')
    return pool
  } catch (error) {
    if (/password authentication failed|does not exist/.test(error.message)) fail(error.message)
    console.error(
      `NotConnectedError: Initial database connection attempt failed: ${error.message || error.code}`,
    )
    return undefined
  }
}

/** Explicit, or none: then limits are counted in memory, with one warning. */
async function openRedis(params) {
  if (params === undefined) {
    console.warn('WARNING: no coordination_redis: limits are counted in this pod alone')
    return undefined
  }
  if (params.host === undefined)
    fail('needs a connection target: set one of host, url, startup_nodes, or sentinel_nodes')
  const tls =
    params.ssl === true ? { tls: true, rejectUnauthorized: params.ssl_cert_reqs === 'required' } : {}
  const ca = params.ssl_ca_certs === undefined ? {} : { ca: readFileSync(params.ssl_ca_certs) }
  const client = createClient({
    password: resolved(params.password),
    database: params.db ?? 0,
    disableOfflineQueue: true,
    socket: { host: params.host, port: Number(params.port), ...tls, ...ca, reconnectStrategy: () => 1000 },
  })
  client.on('error', (error) => console.error(`coordination_redis: ${error.message || error.code}`))
  // An unreachable one stops no start.
  client.connect().catch(() => {})
  return client
}

const cipherKey = ({ LITELLM_SALT_KEY, LITELLM_MASTER_KEY }) =>
  createHash('sha256')
    .update(LITELLM_SALT_KEY ?? LITELLM_MASTER_KEY)
    .digest()

/** The form that LiteLLM writes with encryption_algorithm aes-256-gcm; it reads it whatever it writes. */
const form = 'v2:gcm:'

function encrypted(env, text) {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', cipherKey(env), iv)
  const data = Buffer.concat([cipher.update(text), cipher.final()])
  const sealed = Buffer.concat([iv, data, cipher.getAuthTag()]).toString('base64')
  return form + sealed.replaceAll('+', '-').replaceAll('/', '_')
}

/** As LiteLLM: what cannot be decrypted is used as it is stored; only the log tells. */
function decryptedOrStored(env, key, stored) {
  try {
    const bytes = Buffer.from(stored.slice(form.length), 'base64url')
    const decipher = createDecipheriv('aes-256-gcm', cipherKey(env), bytes.subarray(0, 12))
    decipher.setAuthTag(bytes.subarray(-16))
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString()
  } catch {
    console.error(`Error decrypting value for key: ${key}, Did your master_key/salt key change recently?`)
    return stored
  }
}

/** As LiteLLM shows a stored value: without its middle, when its key has one of these words; else whole. */
const shown = (key, value) =>
  /authorization|token|key|secret|credentials|password|passwd/i.test(key)
    ? `${value.slice(0, 2)}****${value.slice(-2)}`
    : value

const error = (status, message, type = 'auth_error') => ({
  status,
  json: { error: { message, type, code: String(status) } },
})

async function runProxy({ env, command, version }) {
  if (env.DISABLE_SCHEMA_UPDATE !== 'true')
    fail('this stand-in: serving pods must not migrate: DISABLE_SCHEMA_UPDATE is not true')
  const {
    model_list: models = [],
    general_settings: general = {},
    router_settings: router = {},
  } = configOf(command)
  const master = resolved(general.master_key)
  if (!master?.startsWith('sk-') || master.length < 12) fail('master key is unset or publicly known')
  const [database, redis] = await Promise.all([openDatabase(env), openRedis(general.coordination_redis)])
  const memory = new Map()

  function countAlone(counter) {
    memory.set(counter, (memory.get(counter) ?? 0) + 1)
    return memory.get(counter)
  }

  /**
   * One more of this counter within its window; undefined when Redis does not answer and limits must hold. Those of
   * models the real one then counts by itself all the same.
   */
  async function count(counter, seconds) {
    if (redis === undefined) return countAlone(counter)
    try {
      const [number] = await redis.multi().incr(counter).expire(counter, seconds, 'NX').exec()
      return number
    } catch {
      if (counter.startsWith('global_router:')) return countAlone(counter)
      return general.fail_closed_rate_limit_enforcement === true ? undefined : 1
    }
  }

  /** Who asks: undefined for nobody we know. */
  async function caller({ authorization = '' }) {
    const key = authorization.replace(/^Bearer /, '')
    if (key === '') return { refusal: error(401, 'Authentication Error, No api key passed in.') }
    if (key === master) return { admin: true }
    if (database === undefined) return { refusal: error(400, 'No connected db.', 'no_db_connection') }
    const { rows } = await database.query(
      'SELECT models, rpm_limit FROM "LiteLLM_VerificationToken" WHERE token = $1 AND (expires IS NULL OR expires > now())',
      [hashOf(key)],
    )
    return rows[0] === undefined
      ? {
          refusal: error(
            401,
            'Authentication Error, Invalid proxy server token passed.',
            'token_not_found_in_db',
          ),
        }
      : { admin: false, key: hashOf(key), ...rows[0] }
  }

  const only = (handler) => async (request) => {
    const who = await caller(request.headers)
    if (who.refusal !== undefined) return who.refusal
    if (!who.admin) return error(403, 'only the master key may')
    if (database === undefined) return error(500, 'No connected db.', 'no_db_connection')
    return handler(request)
  }

  /** Undefined when it may go on. */
  async function limited(who, entry) {
    if (!who.admin && !who.models.includes(entry.model_name))
      return error(401, 'key not allowed to access model')
    const enforced = router.optional_pre_call_checks?.includes('enforce_model_rate_limits')
    const minute = new Date().toISOString().slice(11, 16)
    const counters = [
      [
        enforced ? entry.litellm_params.rpm : undefined,
        `global_router:${hashOf(entry.model_name)}:rpm:${minute}`,
      ],
      [who.rpm_limit, `api_key:${who.key}:rpm`],
    ]
    for (const [limit, counter] of counters) {
      if (limit === undefined || limit === null) continue
      const number = await count(counter, 60)
      if (number === undefined)
        return error(503, 'rate limits cannot be verified, so the request was rejected')
      if (number > Number(limit))
        return error(429, `Model rate limit exceeded. RPM limit=${limit}, current usage=${number}`)
    }
    return undefined
  }

  async function complete({ headers, body, response }) {
    const who = await caller(headers)
    if (who.refusal !== undefined) return who.refusal
    const entry = models.find(({ model_name: name }) => name === body.model)
    if (entry === undefined) return error(400, `Invalid model name passed in model=${body.model}`)
    const refusal = await limited(who, entry)
    if (refusal !== undefined) return refusal
    const { api_base: base, api_key: key, model } = entry.litellm_params
    const answer = await fetch(`${base}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${resolved(key)}` },
      body: JSON.stringify({ ...body, model: model.split('/').slice(1).join('/') }),
    })
    if (body.stream !== true) return { status: answer.status, json: await answer.json() }
    response.writeHead(answer.status, { 'content-type': 'text/event-stream; charset=utf-8' })
    for await (const piece of answer.body) response.write(piece)
    response.end()
    return undefined
  }

  const health = async () => {
    // What a client that never connected says: 200, and no traffic may come of it.
    if (database === undefined)
      return { json: { status: 'healthy', db: 'Not connected', litellm_version: version } }
    const up = await isUp(database)
    return {
      status: up ? 200 : 503,
      json: {
        status: up ? 'healthy' : 'unhealthy',
        db: up ? 'connected' : 'disconnected',
        litellm_version: version,
      },
    }
  }

  serve({
    port: Number(/--port (\d+)/.exec(command)?.[1] ?? 4000),
    routes: {
      'GET /health/liveliness': () => ({ json: "I'm alive!" }),
      'GET /health/readiness': health,
      'GET /metrics': async ({ headers }) =>
        (await caller(headers)).refusal ?? { status: 404, json: { detail: 'Not Found' } },
      async 'GET /v1/models'({ headers }) {
        const who = await caller(headers)
        if (who.refusal !== undefined) return who.refusal
        const names = who.admin ? [...new Set(models.map(({ model_name: name }) => name))] : who.models
        return { json: { object: 'list', data: names.map((id) => ({ id, object: 'model' })) } }
      },
      'POST /v1/chat/completions': complete,
      'POST /key/generate': only(async ({ body }) => {
        const {
          key = `sk-${randomUUID()}`,
          key_alias: alias,
          models: names = [],
          rpm_limit: rpm,
          duration = '1h',
        } = body
        await database.query(
          `INSERT INTO "LiteLLM_VerificationToken" (token, key_alias, models, rpm_limit, expires)
           VALUES ($1, $2, $3, $4, now() + $5::interval)`,
          [hashOf(key), alias, names, rpm, duration.replace('m', ' minutes').replace('h', ' hours')],
        )
        return { json: { key, key_alias: alias } }
      }),
      'POST /key/delete': only(async ({ body }) => {
        const { rowCount } = await database.query(
          'DELETE FROM "LiteLLM_VerificationToken" WHERE token = ANY($1)',
          [body.keys.map(hashOf)],
        )
        return rowCount === 0 ? error(404, 'key not found') : { json: { deleted_keys: body.keys } }
      }),
      'GET /credentials': only(async () => {
        const { rows } = await database.query('SELECT credential_name FROM "LiteLLM_CredentialsTable"')
        return { json: { success: true, credentials: rows } }
      }),
      'POST /credentials': only(async ({ body }) => {
        const values = Object.entries(body.credential_values).map(([key, value]) => [
          key,
          encrypted(env, value),
        ])
        const { rowCount } = await database.query(
          `INSERT INTO "LiteLLM_CredentialsTable" (credential_id, credential_name, credential_values, created_by, updated_by)
           VALUES ($1, $2, $3, 'admin', 'admin') ON CONFLICT DO NOTHING`,
          [randomUUID(), body.credential_name, JSON.stringify(Object.fromEntries(values))],
        )
        return rowCount === 0 ? error(409, 'Credential already exists') : { json: { success: true } }
      }),
      // LiteLLM reads them from its memory, which it fills from the table at its start and twice a minute.
      'GET /credentials/by_name/:name': only(async ({ params }) => {
        const { rows } = await database.query(
          'SELECT credential_values FROM "LiteLLM_CredentialsTable" WHERE credential_name = $1',
          [params.name],
        )
        if (rows[0] === undefined) return error(404, 'Credential not found')
        const values = Object.entries(rows[0].credential_values).map(([key, stored]) => [
          key,
          shown(key, decryptedOrStored(env, key, stored)),
        ])
        return { json: { credential_name: params.name, credential_values: Object.fromEntries(values) } }
      }),
      'DELETE /credentials/:name': only(async ({ params }) => {
        await database.query('DELETE FROM "LiteLLM_CredentialsTable" WHERE credential_name = $1', [
          params.name,
        ])
        return { json: { success: true } }
      }),
    },
  })
}

export const app = {
  title: 'LiteLLM',
  required: {
    exact: { LITELLM_MODE: 'PRODUCTION', LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
    names: [
      'LITELLM_MASTER_KEY',
      'LITELLM_SALT_KEY',
      'DATABASE_HOST',
      'DATABASE_NAME',
      'DATABASE_USERNAME',
      'DATABASE_PASSWORD',
      'LITELLM_MIGRATION_DIR',
    ],
  },
  // It logs in to PostgreSQL by itself: once, whatever comes of it.
  backends: () => ({}),
  says: {},
  commands: [
    [/--validate_config/, validate],
    [/--skip_server_startup/, migrate],
    [/^--config \S+ --port \d+ --host 0\.0\.0\.0$/, runProxy],
  ],
}
