// The generic part of a contract server: required environment, real logins, HTTP with routes, an orderly end.
// What an application says and does is its own file's business.
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { createClient } from 'redis'

/** Says why on stderr and ends, as a failed start does. */
export function fail(...lines) {
  for (const line of lines) console.error(line)
  process.exit(1)
}

/** Ends unless every variable is set; one with a value here must have that value. */
export function requireEnvironment(wanted) {
  const wrong = Object.entries(wanted).flatMap(([name, value]) => {
    if (!process.env[name]) return [`${name} is not set`]
    return value === undefined || process.env[name] === value ? [] : [`${name} must be ${value}`]
  })
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

export const isUp = (pool) =>
  pool.query('SELECT 1').then(
    () => true,
    () => false,
  )

/**
 * A client that logged in for real. It gives up after `patience` milliseconds: first at the start, later while running.
 * `says` holds the application's words: refused, lost(waited, patience), gaveUp.
 */
export async function openRedis({ socket, ...options }, patience, says) {
  let since
  let limit = patience.atStart
  function reconnectStrategy(_retries, cause) {
    if (/WRONGPASS|NOAUTH/.test(cause.message)) fail(cause.message, ...says.refused)
    since ??= Date.now()
    const waited = Date.now() - since
    if (waited > limit) fail(...says.gaveUp)
    console.warn(says.lost(waited, limit))
    return 1000
  }
  const client = createClient({ ...options, socket: { ...socket, reconnectStrategy } })
  client.on('error', (error) => console.error(`Redis: ${error.message || error.code}`))
  client.on('ready', () => {
    since = undefined
    limit = patience.running
  })
  await client.connect()
  return client
}

/** `POST /things/:id` and `GET /rest/*`, as a test and the names in it. */
function compiled([key, handler]) {
  const [method, path] = key.split(' ')
  const pattern = path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)').replace('*', '(?<rest>.+)')
  return { method, pattern: new RegExp(`^${pattern}$`), handler }
}

async function jsonOf(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  try {
    return JSON.parse(Buffer.concat(chunks).toString() || '{}')
  } catch {
    // Bodies in another form are not part of any contract here.
    return {}
  }
}

function send(response, { status = 200, headers = {}, json, text }) {
  const type = json === undefined ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8'
  const body = json === undefined ? (text ?? '') : JSON.stringify(json)
  response.writeHead(status, { 'content-type': type, ...headers }).end(body)
}

const open = new Set()

/** Requests that still wait for their answer. */
export const openRequests = () => open.size

/**
 * Listens. A handler gets { params, query, headers, body, response } and gives { status, headers, json or text };
 * `broken` answers when one threw; no route is 404.
 */
export function listen({ port, address = '::', routes, broken }) {
  const table = Object.entries(routes).map(compiled)
  async function answer(request, response) {
    const url = new URL(request.url, 'http://stand-in')
    const found = table.find(({ method, pattern }) => method === request.method && pattern.test(url.pathname))
    if (found === undefined) return { status: 404, text: `Cannot ${request.method} ${url.pathname}` }
    const params = found.pattern.exec(url.pathname).groups ?? {}
    const query = Object.fromEntries(url.searchParams)
    const body = await jsonOf(request)
    return found.handler({ params, query, headers: request.headers, body, response })
  }
  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    answer(request, response)
      .catch((error) => {
        console.error(`${request.method} ${request.url}: ${error.message}`)
        return broken()
      })
      .then((given) => send(response, given))
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
