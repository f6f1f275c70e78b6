// What module 11 gives Chatwoot, and what it asks of it.
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { serve } from './serve.mjs'
import { requireBucket } from './s3.mjs'
import { endOnTerm, fail, isUp } from './server.mjs'

/** A version's own migrations: 4.17.0 and 4.17.1 share a schema, 4.18.0 moves it. */
const migrationsOf = (version) => [
  '20260101000000',
  ...(version.startsWith('4.17.') ? [] : ['20260901000000']),
]
const wantedExtensions = ['pg_stat_statements', 'pg_trgm', 'pgcrypto', 'vector']
const onboardingFlag = 'CHATWOOT_INSTALLATION_ONBOARDING'
const alfred = (key) => `alfred:${key}`
const tables = `
  CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS installation_configs (name text PRIMARY KEY, value text);
  CREATE TABLE IF NOT EXISTS super_admins (email text PRIMARY KEY, hash text, token text);
  CREATE TABLE IF NOT EXISTS inboxes (id serial PRIMARY KEY, name text, token text)`
const defaults = { INSTALLATION_NAME: 'Chatwoot', BRAND_NAME: 'Chatwoot', LOGO: '/brand-assets/logo.svg' }

async function prepare(tools) {
  await migrate(tools).catch(({ message }) => fail(`PG::InsufficientPrivilege: ERROR:  ${message}`))
  process.exit(0)
}

async function migrate({ postgres, redis, version }) {
  const { rows } = await postgres.query('SELECT extname FROM pg_extension')
  const missing = wantedExtensions.find((name) => !rows.some(({ extname }) => extname === name))
  if (missing !== undefined) fail(`PG::FeatureNotSupported: ERROR:  extension "${missing}" is not available`)
  const fresh =
    (await postgres.query(`SELECT to_regclass('schema_migrations') AS found`)).rows[0].found === null
  await postgres.query(tables)
  for (const one of migrationsOf(version))
    await postgres.query('INSERT INTO schema_migrations VALUES ($1) ON CONFLICT DO NOTHING', [one])
  for (const row of Object.entries(defaults))
    await postgres.query('INSERT INTO installation_configs VALUES ($1, $2) ON CONFLICT DO NOTHING', row)
  if (fresh) await redis.set(alfred(onboardingFlag), '1')
}

const hashOf = (password) => createHash('sha256').update(password).digest('hex')

async function makeSuperAdmin({ env, postgres, redis }) {
  const { rowCount } = await postgres.query('SELECT 1 FROM super_admins')
  if (rowCount === 0) {
    if (!/^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^a-zA-Z0-9])/.test(env.CHATWOOT_ADMIN_PASSWORD))
      fail('Validation failed: Password must contain at least 1 special character')
    const row = [env.CHATWOOT_ADMIN_EMAIL, hashOf(env.CHATWOOT_ADMIN_PASSWORD), hashOf(`${Math.random()}`)]
    await postgres.query('INSERT INTO super_admins VALUES ($1, $2, $3)', row)
  }
  await redis.del(alfred(onboardingFlag))
  process.exit(0)
}

async function writeBranding({ env, postgres }) {
  for (const [name, value] of Object.entries(JSON.parse(env.BRANDING)))
    await postgres.query(
      'INSERT INTO installation_configs VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2',
      [name, value ?? defaults[name]],
    )
  process.exit(0)
}

/** What db:chatwoot_prepare leaves; without it Rails does not start. */
const requirePrepared = (postgres) =>
  postgres
    .query('SELECT 1 FROM installation_configs')
    .catch(() => fail('PG::UndefinedTable: ERROR:  relation "installation_configs" does not exist'))

/** The application itself looks at its bucket at the first attachment only. */
async function requireStorage(env) {
  if (env.ACTIVE_STORAGE_SERVICE !== 's3_compatible') return
  await requireBucket({
    endpoint: env.STORAGE_ENDPOINT,
    region: env.STORAGE_REGION,
    bucket: env.STORAGE_BUCKET_NAME,
    accessKeyId: env.STORAGE_ACCESS_KEY_ID,
    secretAccessKey: env.STORAGE_SECRET_ACCESS_KEY,
  })
}

async function runWeb({ env, version, postgres, redis }) {
  await requirePrepared(postgres)
  await requireStorage(env)
  const people = async (sql, values) =>
    (await postgres.query(`SELECT * FROM super_admins WHERE ${sql}`, values)).rows[0]
  const crumb = hashOf(env.SECRET_KEY_BASE).slice(0, 20)
  const find = (body = {}) =>
    people('email = $1 AND hash = $2', [body.email ?? '', hashOf(body.password ?? '')])
  const signedIn = (headers) => headers['access-token'] === hashOf(`${env.SECRET_KEY_BASE}${headers.uid}`)
  const only = (headers, answer) => (signedIn(headers) ? answer() : { status: 401, json: {} })
  const server = serve({
    port: env.PORT,
    routes: {
      'GET /health': () => ({ json: { status: 'woot' } }),
      async 'GET /api'() {
        const ok = (up) => (up ? 'ok' : 'failing')
        const queue = await redis.ping().then(Boolean, () => false)
        return { json: { version, queue_services: ok(queue), data_services: ok(await isUp(postgres)) } }
      },
      async 'GET /installation/onboarding'() {
        const open = (await redis.get(alfred(onboardingFlag))) !== null
        return open
          ? { text: 'Welcome: make the first account' }
          : { status: 302, headers: { location: '/' } }
      },
      async 'GET /app/login'() {
        const { rows } = await postgres.query('SELECT name, value FROM installation_configs')
        const config = JSON.stringify(Object.fromEntries(rows.map(({ name, value }) => [name, value])))
        return {
          text: `<script>window.chatwootConfig = { signupEnabled: '${env.ENABLE_ACCOUNT_SIGNUP}' }\nwindow.globalConfig = ${config.replaceAll('<', '\\u003c')}\n</script>`,
        }
      },
      async 'POST /auth/sign_in'({ body }) {
        const found = await find(body)
        if (found === undefined) return { status: 401, json: { errors: ['Invalid login credentials'] } }
        const headers = {
          'access-token': hashOf(`${env.SECRET_KEY_BASE}${found.email}`),
          client: 'kit',
          uid: found.email,
        }
        return { headers, json: { data: { access_token: found.token, account_id: 1 } } }
      },
      'GET /auth/validate_token': ({ headers }) => only(headers, () => ({ json: { success: true } })),
      async 'GET /api/v1/profile'({ headers }) {
        const found = await people('token = $1', [
          headers['api-access-token'] ?? headers.api_access_token ?? '',
        ])
        return found === undefined ? { status: 401, json: {} } : { json: { email: found.email } }
      },
      'GET /super_admin/sign_in': () => ({
        headers: { 'set-cookie': `_chatwoot_session=${crumb}; Path=/; Secure; HttpOnly` },
        text: `<form><input type="hidden" name="authenticity_token" value="${crumb}"></form>`,
      }),
      async 'POST /super_admin/sign_in'({ body, headers }) {
        const base = `${headers['x-forwarded-proto'] ?? 'http'}://${headers.host}`
        if (headers.origin !== base || body.authenticity_token !== crumb)
          return { status: 422, text: 'InvalidAuthenticityToken' }
        const found = await find(body.super_admin)
        return { status: 302, headers: { location: found ? '/super_admin' : '/super_admin/sign_in' } }
      },
      'GET /packs/js/sdk.js': () => ({ text: 'window.chatwootSDK = {}' }),
      'GET /api/v1/accounts/1/inboxes': ({ headers }) =>
        only(headers, async () => ({
          json: { payload: (await postgres.query('SELECT id, name FROM inboxes')).rows },
        })),
      'POST /api/v1/accounts/1/inboxes': ({ headers, body }) =>
        only(headers, async () => {
          const sql =
            'INSERT INTO inboxes (name, token) VALUES ($1, $2) RETURNING id, name, token AS website_token'
          return { json: (await postgres.query(sql, [body.name, hashOf(body.name).slice(0, 20)])).rows[0] }
        }),
      'DELETE /api/v1/accounts/1/inboxes/:id': ({ headers, params }) =>
        only(headers, async () => {
          await postgres.query('DELETE FROM inboxes WHERE id = $1', [params.id])
          return { json: {} }
        }),
      async 'GET /widget'({ query }) {
        const { rowCount } = await postgres.query('SELECT 1 FROM inboxes WHERE token = $1', [
          query.website_token ?? '',
        ])
        return rowCount === 0 ? { status: 404 } : { text: 'widget' }
      },
    },
  })
  const listener = redis.duplicate()
  listener.on('error', () => {})
  await listener.connect()
  await listener.subscribe('chatwoot_production_action_cable:all', () => {})
  server.on('upgrade', (request, socket) => accept(request, socket))
}

/** ActionCable's handshake and its first frame. */
function accept({ url, headers }, socket) {
  if (url !== '/cable' || headers['sec-websocket-protocol'] !== 'actioncable-v1-json')
    return socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
  const key = createHash('sha1')
    .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\nSec-WebSocket-Protocol: actioncable-v1-json\r\n\r\n`,
  )
  const welcome = Buffer.from('{"type":"welcome"}')
  socket.write(Buffer.concat([Buffer.from([0x81, welcome.length]), welcome]))
  socket.on('error', () => socket.destroy())
}

/** Sidekiq's sign of life in Redis, as its own heartbeat writes it. */
async function runWorker({ env, postgres, redis }) {
  await requirePrepared(postgres)
  await requireStorage(env)
  const identity = `${hostname()}:1:stand-in`
  let ended = false
  endOnTerm({ seconds: 25, stop: () => (ended = true), isBusy: () => false })
  while (!ended) {
    await redis.sAdd('processes', identity)
    await redis.hSet(identity, 'beat', String(Date.now() / 1000))
    await redis.expire(identity, 60)
    await pause(5000)
  }
}

async function askHeartbeat({ redis }) {
  const mine = (await redis.sMembers('processes')).filter((one) => one.startsWith(`${hostname()}:`))
  const beats = await Promise.all(mine.map((one) => redis.hGet(one, 'beat')))
  process.exit(beats.some((beat) => Date.now() / 1000 - Number(beat) < 60) ? 0 : 1)
}

export const app = {
  title: 'Chatwoot',
  required: {
    exact: { RAILS_ENV: 'production' },
    names: [
      'SECRET_KEY_BASE',
      'ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY',
      'ACTIVE_RECORD_ENCRYPTION_DETERMINISTIC_KEY',
      'ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT',
      'FRONTEND_URL',
      'ACTIVE_STORAGE_SERVICE',
    ],
  },
  backends: (env) => ({
    postgres: {
      host: env.POSTGRES_HOST,
      port: Number(env.POSTGRES_PORT),
      database: env.POSTGRES_DATABASE,
      user: env.POSTGRES_USERNAME,
      password: env.POSTGRES_PASSWORD,
    },
    redis: { url: env.REDIS_URL, password: env.REDIS_PASSWORD },
  }),
  says: {
    postgres: {
      retrying: (attempt, why) => `PG::ConnectionBad, attempt ${attempt}: ${why}`,
      failed: 'PG::ConnectionBad: no login',
    },
    redis: {
      refused: 'Redis::CannotConnectError: no login',
      lost: (waited) => `Redis::CannotConnectError: away for ${Math.round(waited / 1000)} s`,
      gaveUp: 'Redis::CannotConnectError: gave up',
    },
  },
  commands: [
    [/^bundle exec rails s /, runWeb],
    [/^bundle exec sidekiq /, runWorker],
    [/^bundle exec rails db:chatwoot_prepare$/, prepare],
    [/^bundle exec rails runner [^]*SuperAdmin/, makeSuperAdmin],
    [/^bundle exec rails runner [^]*InstallationConfig/, writeBranding],
    [/^bundle exec ruby -e [^]*'processes'/, askHeartbeat],
  ],
}
