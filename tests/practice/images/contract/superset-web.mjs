// The routes of Superset that module 13 asks, on real tables of PostgreSQL and a real Redis.
import { createHash, createHmac, randomUUID } from 'node:crypto'
import pg from 'pg'
import { decrypt, encrypt, results } from './superset-store.mjs'

const hashOf = (text) => createHash('sha256').update(text).digest('hex')
const masked = (uri) => uri.replace(/:[^:@/]*@/, ':XXXXXXXXXX@')
const unauthorized = { status: 401, json: { msg: 'Missing Authorization Header' } }

/** Requests a second from one address, counted in Redis for all pods. */
const allowed = 50

/** Connects as the driver would. @returns what PostgreSQL said instead, or undefined */
async function tryConnection(uri) {
  const client = new pg.Client({
    connectionString: uri.replace('+psycopg2', ''),
    connectionTimeoutMillis: 3000,
  })
  try {
    await client.connect()
    await client.query('SELECT 1')
    return undefined
  } catch ({ message }) {
    return message
  } finally {
    await client.end().catch(() => {})
  }
}

export function routesOf({ env, version, postgres, redis }) {
  const key = env.SUPERSET_SECRET_KEY
  const sign = (text) => `${text}.${createHmac('sha256', key).update(text).digest('hex')}`
  const isSigned = (text = '') => text === sign(text.split('.')[0])
  const cookieOf = (text) => `session=${sign(text)}; Secure; HttpOnly; Path=/; SameSite=Lax`
  const session = ({ cookie = '' }) => /session=([^;]+)/.exec(cookie)?.[1]
  const crumbOf = (value) => hashOf(`${key}${value}`).slice(0, 32)

  const one = async (sql, values = []) => (await postgres.query(sql, values)).rows[0]
  const find = ({ username = '', password = '' }) =>
    one('SELECT username FROM ab_user WHERE username = $1 AND hash = $2', [username, hashOf(password)])
  /** Who asks: by token, or by the cookie that a sign-in left. */
  function asker(headers) {
    const given = headers.authorization?.replace('Bearer ', '') ?? session(headers)
    return isSigned(given) && given.startsWith('user-') ? given.slice(5).split('.')[0] : undefined
  }
  /** As Flask behind one proxy sees it: of several values the last counts. */
  const seen = (headers) => ({
    scheme: headers['x-forwarded-proto']?.split(',').at(-1).trim() ?? 'http',
    host: headers['x-forwarded-host'] ?? headers.host,
  })
  function brokenForm(headers, crumb) {
    const { scheme, host } = seen(headers)
    if (!isSigned(session(headers)) || crumb !== crumbOf(session(headers)))
      return { status: 400, json: { errors: [{ message: 'The CSRF session token is missing.' }] } }
    return scheme === 'https' && !headers.referer?.startsWith(`https://${host}/`)
      ? { status: 400, json: { errors: [{ message: 'The referrer header is missing.' }] } }
      : undefined
  }
  const signedIn = (handler) => async (request) =>
    asker(request.headers) === undefined ? unauthorized : handler(request)
  const writing = (handler) =>
    signedIn(
      async (request) => brokenForm(request.headers, request.headers['x-csrftoken']) ?? handler(request),
    )
  const openDatabase = async (id) => {
    const row = await one('SELECT id, database_name, secret FROM dbs WHERE id = $1', [id])
    return row && { ...row, uri: decrypt(key, row.secret) }
  }

  const routes = {
    'GET /version': () => ({ json: { version_string: version } }),
    'GET /login/'({ headers }) {
      const value = session(headers) ?? sign(`form-${randomUUID().replaceAll('-', '')}`)
      return {
        headers: { 'set-cookie': cookieOf(value.split('.')[0]) },
        text: `<script src="/static/assets/spa.stand-in.js"></script><input type="hidden" name="csrf_token" id="csrf_token" value="${crumbOf(value)}">`,
      }
    },
    'GET /static/assets/*': () => ({ text: '// stand-in' }),
    'GET /dashboard/list/'({ headers }) {
      const { scheme, host } = seen(headers)
      const next = encodeURIComponent(`${scheme}://${host}/dashboard/list/`)
      return { status: 302, headers: { location: `/login/?next=${next}` } }
    },
    async 'POST /login/'({ headers, body }) {
      const broken = brokenForm(headers, body.csrf_token)
      if (broken !== undefined) return broken
      const user = await find(body)
      if (user === undefined) return { status: 302, headers: { location: '/login/' } }
      return { status: 302, headers: { location: '/', 'set-cookie': cookieOf(`user-${user.username}`) } }
    },
    async 'POST /api/v1/security/login'({ body }) {
      const user = await find(body)
      return user === undefined
        ? { status: 401, json: { message: 'Not authorized' } }
        : { json: { access_token: sign(`user-${user.username}`) } }
    },
    'GET /api/v1/security/csrf_token/': signedIn(() => {
      const value = `form-${randomUUID().replaceAll('-', '')}`
      return { headers: { 'set-cookie': cookieOf(value) }, json: { result: crumbOf(sign(value)) } }
    }),
    'GET /api/v1/me/': signedIn(({ headers }) => ({ json: { result: { username: asker(headers) } } })),
    'GET /api/v1/_openapi': () => unauthorized,
    'GET /api/v1/database/': signedIn(async () => ({
      json: { result: (await postgres.query('SELECT id, database_name FROM dbs ORDER BY id')).rows },
    })),
    'POST /api/v1/database/': writing(async ({ body }) => {
      const wrong = await tryConnection(body.sqlalchemy_uri)
      if (wrong !== undefined) return { status: 422, json: { message: wrong } }
      const row = [body.database_name, encrypt(key, body.sqlalchemy_uri)]
      const made = await one('INSERT INTO dbs (database_name, secret) VALUES ($1, $2) RETURNING id', row)
      return { status: 201, json: { id: made.id, result: { database_name: body.database_name } } }
    }),
    'GET /api/v1/database/:id/connection': signedIn(async ({ params }) => {
      const found = await openDatabase(params.id)
      return found === undefined
        ? { status: 404, json: {} }
        : { json: { id: found.id, result: { sqlalchemy_uri: masked(found.uri) } } }
    }),
    'POST /api/v1/database/test_connection/': writing(async ({ body }) => {
      const stored = await one('SELECT id FROM dbs WHERE database_name = $1', [body.database_name])
      const { uri } = (stored && (await openDatabase(stored.id))) ?? { uri: body.sqlalchemy_uri }
      const wrong = await tryConnection(masked(uri) === body.sqlalchemy_uri ? uri : body.sqlalchemy_uri)
      return wrong === undefined ? { json: { message: 'OK' } } : { status: 422, json: { message: wrong } }
    }),
    'DELETE /api/v1/database/:id': writing(async ({ params }) => {
      const { rowCount } = await postgres.query('DELETE FROM dbs WHERE id = $1', [params.id])
      return { status: rowCount === 1 ? 200 : 404, json: {} }
    }),
    'POST /api/v1/sqllab/execute/': writing(async ({ body }) => {
      if (!redis.isReady)
        return { status: 500, json: { errors: [{ message: 'Failed to start remote query on a worker.' }] } }
      const row = [body.database_id, body.sql]
      const made = await one(`INSERT INTO query (database_id, sql) VALUES ($1, $2) RETURNING id`, row)
      await redis.rPush('celery', JSON.stringify({ task: 'sql_lab.get_sql_results', query: made.id }))
      return { status: 202, json: { query: { queryId: made.id, state: 'pending' } } }
    }),
    'GET /api/v1/query/:id': signedIn(async ({ params }) => {
      const sql = 'SELECT id, status, results_key, error_message FROM query WHERE id = $1'
      return { json: { id: Number(params.id), result: await one(sql, [params.id]) } }
    }),
    'GET /api/v1/sqllab/results/': signedIn(async ({ query }) => {
      const kept = await redis.get(results + /key:'([\w-]+)'/.exec(query.q)?.[1])
      return kept === null
        ? { status: 410, json: { message: 'Data could not be retrieved.' } }
        : { json: { status: 'success', data: JSON.parse(kept) } }
    }),
  }

  /**
   * Counts as Flask-Limiter does: an address, a second, and everything but the probes' path. While Redis is away it
   * counts in its own memory; this one then lets everything pass.
   */
  const limited = (handler) => async (request) => {
    if (!redis.isReady) return handler(request)
    const address = request.headers['x-forwarded-for'] ?? 'unknown'
    const name = `LIMITS:LIMITER/${address}/${Math.floor(Date.now() / 1000)}`
    const count = await redis.incr(name)
    if (count === 1) await redis.expire(name, 5)
    return count > allowed ? { status: 429, text: 'Too Many Requests' } : handler(request)
  }
  return {
    'GET /health': () => ({ text: 'OK' }),
    ...Object.fromEntries(Object.entries(routes).map(([route, handler]) => [route, limited(handler)])),
  }
}
