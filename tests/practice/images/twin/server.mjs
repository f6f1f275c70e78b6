// The generic part of a contract server: required environment, real logins, HTTP with routes, an orderly end.
// What an application says and does is its own file's business.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { createClient } from 'redis'

// As n8n: a variable that is not set is read from the file that the one of its name with _FILE names.
for (const [name, path = ''] of Object.entries(process.env)) {
  const plain = name.replace(/_FILE$/, '')
  if (path.startsWith('/vault/secrets/') && process.env[plain] === undefined)
    process.env[plain] = readFileSync(path, 'utf8').trim()
}

/** Says why on stderr and ends, as a failed start does. */
export function fail(...lines) {
  for (const line of lines) console.error(line)
  process.exit(1)
}

/** Ends unless every variable is set: those of `exact` to just that, those of `names` to anything. */
export function requireEnvironment(exact, names) {
  const unset = names.filter((name) => !process.env[name]).map((name) => `${name} is not set`)
  const others = Object.entries(exact).filter(([name, value]) => process.env[name] !== value)
  const wrong = [...unset, ...others.map(([name, value]) => `${name} must be ${value}`)]
  if (wrong.length > 0) fail(...wrong)
}

/** A pool that logged in for real. `says` holds the application's words: retrying(attempt, why), failed. */
export async function openPostgres(options, retries, says) {
  // Every query is small: an answer that takes longer means that the server is gone.
  const pool = new pg.Pool({ connectionTimeoutMillis: 2000, query_timeout: 3000, ...options })
  pool.on('error', (error) => console.error(`PostgreSQL: ${error.message}`))
  for (let attempt = 1; ; attempt += 1) {
    try {
      await pool.query('SELECT 1')
      return pool
    } catch (error) {
      if (attempt > retries) fail(says.failed)
      console.warn(says.retrying(attempt, error.message || error.code))
      await pause(1000)
    }
  }
}

export const isUp = (pool) => pool.query('SELECT 1').then(Boolean, () => false)

/**
 * A client that logged in for real. It gives up after `patience.atStart` milliseconds, later `patience.running`.
 * `says` holds the application's words: refused, lost(waited, limit), gaveUp.
 */
export async function openRedis({ socket, ...options }, patience, says) {
  let since
  let limit = patience.atStart
  function reconnectStrategy(_retries, cause) {
    if (/WRONGPASS|NOAUTH/.test(cause.message)) fail(cause.message, says.refused)
    since ??= Date.now()
    const waited = Date.now() - since
    if (waited > limit) fail(says.gaveUp)
    console.warn(says.lost(waited, limit))
    return 1000
  }
  // Commands wait for a server that is away: this client gives up on the server, not on them.
  const commandOptions = { timeout: undefined }
  const client = createClient({ ...options, commandOptions, socket: { ...socket, reconnectStrategy } })
  client.on('error', (error) => console.error(`Redis: ${error.message || error.code}`))
  client.on('ready', () => {
    since = undefined
    limit = patience.running
  })
  return client.connect()
}

/** `POST /things/:id` and `GET /rest/*`, as a test and the names in it. */
function compiled([key, handler]) {
  const [method, path] = key.split(' ')
  const pattern = path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)').replace('*', '(?<rest>.+)')
  return { method, pattern: new RegExp(`^${pattern}$`), handler }
}

async function bodyOf(request) {
  const text = Buffer.concat(await request.toArray()).toString()
  if (request.headers['content-type'] === 'application/x-www-form-urlencoded')
    return Object.fromEntries(new URLSearchParams(text))
  try {
    return JSON.parse(text)
  } catch {
    // No body, or one in another form, which is not part of any contract here.
    return {}
  }
}

function send(response, { status = 200, headers = {}, json, text = '' }) {
  const type = json === undefined ? 'text/html' : 'application/json'
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, ...headers })
  response.end(json === undefined ? text : JSON.stringify(json))
}

const open = new Set()

/** Requests that still wait for their answer. */
export const openRequests = () => open.size

/**
 * Listens. A handler gets { params, query, headers, body, response } and gives { status, headers, json or text };
 * or nothing when it answered by itself; `broken` answers when one threw; no route is 404.
 */
export function listen({ port, address = '::', routes, broken }) {
  const table = Object.entries(routes).map(compiled)
  async function answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://stand-in')
    const found = table.find(({ method, pattern }) => method === request.method && pattern.test(pathname))
    if (found === undefined) return { status: 404, text: `Cannot ${request.method} ${pathname}` }
    const params = found.pattern.exec(pathname).groups ?? {}
    const query = Object.fromEntries(searchParams)
    return found.handler({ params, query, headers: request.headers, body: await bodyOf(request), response })
  }
  const server = createServer(async (request, response) => {
    open.add(response.on('close', () => open.delete(response)))
    const given = await answer(request, response).catch((error) => {
      console.error(`${request.method} ${request.url}: ${error.message}`)
      return broken()
    })
    // A handler that gives nothing has answered by itself: a stream.
    if (given !== undefined) send(response, given)
  })
  server.on('error', (error) => fail(`cannot listen on port ${port}: ${error.message}`))
  return server.listen(port, address)
}

/** At SIGTERM: no new work, the rest gets `seconds` to finish. */
export function endOnTerm({ seconds, stop, isBusy }) {
  process.once('SIGTERM', async () => {
    console.log('Received SIGTERM. Shutting down...')
    stop()
    const until = Date.now() + seconds * 1000
    while (isBusy()) {
      if (Date.now() > until) fail(`Shutdown timed out after ${seconds} seconds`)
      await pause(50)
    }
    process.exit(0)
  })
}
