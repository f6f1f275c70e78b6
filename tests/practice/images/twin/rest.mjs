// What main answers: login, settings, workflows, executions, API keys, the editor's push channel.
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto'
import { compare } from 'bcryptjs'
import { encrypt } from './credential.mjs'

const data = (value) => ({ json: { data: value } })
const refusal = (status, message) => ({ status, json: { code: status, message } })
const unauthorized = { status: 401, json: { status: 'error', message: 'Unauthorized' } }
const hashOf = (text) => createHash('sha256').update(text).digest('hex')
const newId = () => randomBytes(8).toString('hex')

/** The owner, when there is one, and the session the instance's key signs: another password ends it. */
async function ownerOf(database, env) {
  const [owner] = (await database.query('SELECT * FROM twin_owner')).rows
  if (owner === undefined) return {}
  const text = `login ${owner.email} ${owner.hash}`
  return { owner, token: createHmac('sha256', env.N8N_ENCRYPTION_KEY).update(text).digest('hex') }
}

const isSession = ({ cookie = '' }, token) =>
  token !== undefined && /(?:^|;\s*)n8n-auth=([^;]+)/.exec(cookie)?.[1] === token

/** Anybody may ask these. */
const openRoutes = (database, env) => ({
  async 'POST /rest/login'({ body }) {
    const { owner, token } = await ownerOf(database, env)
    const known = String(body.emailOrLdapLoginId).toLowerCase() === owner?.email
    if (!known || !(await compare(String(body.password), owner.hash))) {
      return refusal(401, 'Wrong username or password. Do you have caps lock on?')
    }
    const cookie = `n8n-auth=${token}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`
    const { id, email, firstName, lastName } = owner
    return { headers: { 'set-cookie': cookie }, ...data({ id, email, firstName, lastName }) }
  },

  async 'GET /rest/settings'({ headers }) {
    const { owner, token } = await ownerOf(database, env)
    const userManagement = { showSetupOnFirstLoad: owner === undefined }
    if (!isSession(headers, token)) return data({ settingsMode: 'public', userManagement })
    const own = `${env.N8N_PROTOCOL ?? 'http'}://${env.N8N_HOST ?? 'localhost'}:${env.N8N_PORT ?? 5678}/`
    return data({
      settingsMode: 'authenticated',
      userManagement,
      urlBaseWebhook: env.N8N_WEBHOOK_URL ?? own,
      urlBaseEditor: (env.N8N_EDITOR_BASE_URL ?? own).replace(/\/$/, ''),
    })
  },

  async 'POST /rest/owner/setup'() {
    const { owner } = await ownerOf(database, env)
    if (owner !== undefined) return refusal(400, 'Instance owner already setup')
    return refusal(404, 'this stand-in takes its owner from the environment only')
  },

  async 'GET /api/v1/workflows'({ headers }) {
    const key = headers['x-n8n-api-key']
    if (key === undefined) return { status: 401, json: { message: "'X-N8N-API-KEY' header required" } }
    const { rows } = await database.query(
      'SELECT scopes FROM twin_api_key WHERE hash = $1 AND coalesce("expiresAt" > extract(epoch FROM now()), true)',
      [hashOf(key)],
    )
    if (rows.length === 0) return { status: 401, json: { message: 'unauthorized' } }
    if (!rows[0].scopes.includes('workflow:list')) return { status: 403, json: { message: 'Forbidden' } }
    return { json: { data: (await database.query('SELECT * FROM twin_workflow')).rows, nextCursor: null } }
  },
})

/** Only the owner may ask these. */
function ownerRoutes(database, env) {
  const change = async (sql, values, otherwise) => {
    const { rows } = await database.query(`${sql} RETURNING *`, values)
    return rows.length === 0 ? refusal(400, otherwise) : data(rows[0])
  }
  return {
    async 'GET /rest/workflows'({ query }) {
      const name = JSON.parse(query.filter ?? '{}').name ?? ''
      const { rows } = await database.query('SELECT * FROM twin_workflow WHERE position($1 IN name) > 0', [
        name,
      ])
      return { json: { count: rows.length, data: rows } }
    },

    'POST /rest/workflows'({ body: { name = 'My workflow', nodes = [], connections = {}, settings = {} } }) {
      const parts = [nodes, connections, settings].map((one) => JSON.stringify(one))
      return change(
        'INSERT INTO twin_workflow (id, name, "versionId", nodes, connections, settings) VALUES ($1, $2, $3, $4, $5, $6)',
        [newId(), name, randomUUID(), ...parts],
      )
    },

    'POST /rest/workflows/:id/activate': ({ params, body }) =>
      change(
        'UPDATE twin_workflow SET active = true WHERE id = $1 AND "versionId" = $2 AND NOT "isArchived"',
        [params.id, body.versionId],
        'Cannot activate an archived workflow, nor another version than the saved one.',
      ),

    'POST /rest/workflows/:id/archive': ({ params }) =>
      change(
        'UPDATE twin_workflow SET "isArchived" = true, active = false WHERE id = $1 AND NOT "isArchived"',
        [params.id],
        'Workflow is already archived.',
      ),

    'DELETE /rest/workflows/:id': ({ params }) =>
      change(
        'DELETE FROM twin_workflow WHERE id = $1 AND "isArchived"',
        [params.id],
        'Workflow must be archived before it can be deleted.',
      ),

    async 'GET /rest/executions'({ query: { limit = 20 } }) {
      const { rows } = await database.query('SELECT * FROM twin_execution ORDER BY id DESC LIMIT $1', [limit])
      return data({ results: rows, count: rows.length, estimated: false })
    },

    async 'GET /rest/credentials'() {
      return data((await database.query('SELECT id, name, type FROM twin_credential')).rows)
    },

    async 'POST /rest/credentials'({ body: { name, type, data: secret } }) {
      const id = newId()
      const values = [id, name, type, encrypt(secret, env)]
      await database.query('INSERT INTO twin_credential VALUES ($1, $2, $3, $4)', values)
      return data({ id, name, type })
    },

    async 'DELETE /rest/credentials/:id'({ params }) {
      await database.query('DELETE FROM twin_credential WHERE id = $1', [params.id])
      return data(true)
    },

    async 'POST /rest/api-keys'({ body: { label, scopes = [], expiresAt = null } }) {
      const [id, rawApiKey] = [newId(), randomBytes(32).toString('base64url')]
      const values = [id, label, JSON.stringify(scopes), expiresAt, hashOf(rawApiKey)]
      await database.query('INSERT INTO twin_api_key VALUES ($1, $2, $3, $4, $5)', values)
      return data({ id, label, scopes, expiresAt, rawApiKey })
    },

    async 'DELETE /rest/api-keys/:id'({ params }) {
      await database.query('DELETE FROM twin_api_key WHERE id = $1', [params.id])
      return data({ success: true })
    },
  }
}

export function restRoutes(database, env) {
  const owned = Object.entries(ownerRoutes(database, env)).map(([key, handler]) => [
    key,
    async (call) => {
      const { token } = await ownerOf(database, env)
      return isSession(call.headers, token) ? handler(call) : unauthorized
    },
  ])
  return { ...openRoutes(database, env), ...Object.fromEntries(owned) }
}

/** An Origin must be the host the caller named; what a proxy added comes first. */
const isOwnOrigin = ({ origin, host, 'x-forwarded-host': forwarded }) =>
  URL.canParse(origin) && new URL(origin).host === (forwarded ?? host)

const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
const text = (message) => Buffer.from([0x81, message.length, ...Buffer.from(message)])
const close = (...code) => Buffer.from([0x88, code.length, ...code])
const policyViolation = [1008 >> 8, 1008 & 0xff]

/** n8n accepts every handshake, then closes what it does not like. */
export function acceptPush(server, database, env) {
  server.on('upgrade', async ({ url, headers }, socket) => {
    // A visitor that goes away is no failure.
    socket.on('error', () => socket.destroy())
    if (!url.startsWith('/rest/push')) return socket.destroy()
    const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    socket.write(
      `${switching}Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n\r\n`,
    )
    const { token } = await ownerOf(database, env).catch(() => ({}))
    if (!isSession(headers, token)) return socket.end(close())
    const named = url.includes('pushRef=') ? undefined : 'The query parameter "pushRef" is missing!'
    const wrong = named ?? (isOwnOrigin(headers) ? undefined : 'Invalid origin!')
    if (wrong !== undefined) return socket.end(Buffer.concat([text(wrong), close(...policyViolation)]))
    // The only thing a visitor may say that matters is goodbye.
    socket.on('data', (frame) => (frame[0] & 0x0f) === 8 && socket.end(close()))
  })
}
