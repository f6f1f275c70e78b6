// What main answers: login, settings, workflows, executions, API keys, the editor's push channel.
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto'
import { compare } from 'bcryptjs'

const data = (value) => ({ json: { data: value } })
const refusal = (status, message) => ({ status, json: { code: status, message } })
const unauthorized = { status: 401, json: { status: 'error', message: 'Unauthorized' } }
const hashOf = (text) => createHash('sha256').update(text).digest('hex')

/** Signed with the instance's key over the owner's hash: another password ends every session. */
const tokenFor = ({ environment }, { email, hash }) =>
  createHmac('sha256', environment.N8N_ENCRYPTION_KEY).update(`login ${email} ${hash}`).digest('hex')

const ownerOf = async ({ database }) => (await database.query('SELECT * FROM twin_owner')).rows[0]

async function isSignedIn(context, headers) {
  const owner = await ownerOf(context)
  const given = /(?:^|;\s*)n8n-auth=([^;]+)/.exec(headers.cookie ?? '')?.[1]
  return owner !== undefined && given === tokenFor(context, owner)
}

const workflowOf = ({ version_id: versionId, is_archived: isArchived, ...row }) => ({
  ...row,
  versionId,
  isArchived,
})

async function login(context, { body }) {
  const owner = await ownerOf(context)
  const known = owner !== undefined && String(body.emailOrLdapLoginId).toLowerCase() === owner.email
  if (!known || !(await compare(String(body.password), owner.hash))) {
    return refusal(401, 'Wrong username or password. Do you have caps lock on?')
  }
  const cookie = `n8n-auth=${tokenFor(context, owner)}; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax`
  const { id, email, first_name: firstName, last_name: lastName } = owner
  return { headers: { 'set-cookie': cookie }, ...data({ id, email, firstName, lastName }) }
}

async function settings(context, { headers }) {
  const showSetupOnFirstLoad = (await ownerOf(context)) === undefined
  const reduced = { settingsMode: 'public', userManagement: { showSetupOnFirstLoad } }
  if (!(await isSignedIn(context, headers))) return data(reduced)
  const { environment: env } = context
  const own = `${env.N8N_PROTOCOL ?? 'http'}://${env.N8N_HOST ?? 'localhost'}:${env.N8N_PORT ?? 5678}/`
  return data({
    ...reduced,
    settingsMode: 'authenticated',
    urlBaseWebhook: env.N8N_WEBHOOK_URL ?? own,
    urlBaseEditor: (env.N8N_EDITOR_BASE_URL ?? own).replace(/\/$/, ''),
  })
}

async function listWorkflows({ database }, { query }) {
  const name = JSON.parse(query.filter ?? '{}').name ?? ''
  const { rows } = await database.query('SELECT * FROM twin_workflow WHERE position($1 IN name) > 0', [name])
  return { json: { count: rows.length, data: rows.map(workflowOf) } }
}

async function createWorkflow({ database }, { body }) {
  const json = [body.nodes ?? [], body.connections ?? {}, body.settings ?? {}].map((one) =>
    JSON.stringify(one),
  )
  const { rows } = await database.query(
    `INSERT INTO twin_workflow (id, name, version_id, nodes, connections, settings)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING *`,
    [randomBytes(8).toString('hex'), body.name ?? 'My workflow', randomUUID(), ...json],
  )
  return data(workflowOf(rows[0]))
}

/** Changes the workflow when `may` holds, and says `otherwise` when it does not. */
async function changeWorkflow({ database }, id, { sql, may, otherwise }) {
  const { rows } = await database.query('SELECT * FROM twin_workflow WHERE id = $1', [id])
  if (rows.length === 0) return refusal(404, `Workflow with ID "${id}" not found`)
  if (!may(workflowOf(rows[0]))) return refusal(400, otherwise)
  const changed = await database.query(sql, [id])
  return data(workflowOf(changed.rows[0]))
}

const activate = (context, { params, body }) =>
  changeWorkflow(context, params.id, {
    sql: 'UPDATE twin_workflow SET active = true WHERE id = $1 RETURNING *',
    may: ({ versionId, isArchived }) => !isArchived && versionId === body.versionId,
    otherwise: 'Cannot activate an archived workflow or another version than the saved one.',
  })

const archive = (context, { params }) =>
  changeWorkflow(context, params.id, {
    sql: 'UPDATE twin_workflow SET is_archived = true, active = false WHERE id = $1 RETURNING *',
    may: ({ isArchived }) => !isArchived,
    otherwise: 'Workflow is already archived.',
  })

const deleteWorkflow = (context, { params }) =>
  changeWorkflow(context, params.id, {
    sql: 'DELETE FROM twin_workflow WHERE id = $1 RETURNING *',
    may: ({ isArchived }) => isArchived,
    otherwise: 'Workflow must be archived before it can be deleted.',
  })

async function listExecutions({ database }, { query }) {
  const { rows } = await database.query(
    `SELECT id, workflow_id AS "workflowId", mode, status, started_at AS "startedAt"
     FROM twin_execution ORDER BY id DESC LIMIT $1`,
    [Number(query.limit ?? 20)],
  )
  return data({ results: rows, count: rows.length, estimated: false })
}

async function createApiKey({ database }, { body: { label, scopes = [], expiresAt = null } }) {
  const id = randomBytes(8).toString('hex')
  const rawApiKey = randomBytes(32).toString('base64url')
  const values = [id, label, JSON.stringify(scopes), expiresAt, hashOf(rawApiKey)]
  await database.query('INSERT INTO twin_api_key VALUES ($1, $2, $3, $4, $5)', values)
  return data({ id, label, scopes, expiresAt, apiKey: `******${rawApiKey.slice(-4)}`, rawApiKey })
}

async function deleteApiKey({ database }, { params }) {
  await database.query('DELETE FROM twin_api_key WHERE id = $1', [params.id])
  return data({ success: true })
}

async function publicWorkflows({ database }, { headers }) {
  const key = headers['x-n8n-api-key']
  if (key === undefined) return { status: 401, json: { message: "'X-N8N-API-KEY' header required" } }
  const { rows } = await database.query(
    'SELECT scopes FROM twin_api_key WHERE hash = $1 AND (expires_at IS NULL OR expires_at > extract(epoch FROM now()))',
    [hashOf(key)],
  )
  if (rows.length === 0) return { status: 401, json: { message: 'unauthorized' } }
  if (!rows[0].scopes.includes('workflow:list')) return { status: 403, json: { message: 'Forbidden' } }
  const workflows = await database.query('SELECT * FROM twin_workflow')
  return { json: { data: workflows.rows.map(workflowOf), nextCursor: null } }
}

/** Owner by HTTP is not part of the contract: the kit names the owner by the environment. */
const setup = async (context) =>
  (await ownerOf(context)) === undefined
    ? refusal(404, 'this stand-in takes its owner from the environment only')
    : refusal(400, 'Instance owner already setup')

export function restRoutes(context) {
  const anyone = (handler) => (call) => handler(context, call)
  const owner = (handler) => async (call) =>
    (await isSignedIn(context, call.headers)) ? handler(context, call) : unauthorized
  return {
    'GET /rest/settings': anyone(settings),
    'POST /rest/login': anyone(login),
    'POST /rest/owner/setup': anyone(setup),
    'GET /rest/workflows': owner(listWorkflows),
    'POST /rest/workflows': owner(createWorkflow),
    'POST /rest/workflows/:id/activate': owner(activate),
    'POST /rest/workflows/:id/archive': owner(archive),
    'DELETE /rest/workflows/:id': owner(deleteWorkflow),
    'GET /rest/executions': owner(listExecutions),
    'POST /rest/api-keys': owner(createApiKey),
    'DELETE /rest/api-keys/:id': owner(deleteApiKey),
    'GET /api/v1/workflows': anyone(publicWorkflows),
  }
}

/** An Origin must be the host the caller named; n8n looks at what a proxy adds first. */
function isOwnOrigin({ origin, host, 'x-forwarded-host': forwarded }) {
  return URL.canParse(origin) && new URL(origin).host === (forwarded ?? host)
}

const text = (message) => Buffer.from([0x81, message.length, ...Buffer.from(message)])
const close = (...code) => Buffer.from([0x88, code.length, ...code])
const policyViolation = [1008 >> 8, 1008 & 0xff]

/** n8n accepts every handshake, then closes what it does not like. */
export function acceptPush(server, context) {
  server.on('upgrade', async (request, socket) => {
    // A visitor that goes away is no failure.
    socket.on('error', () => socket.destroy())
    const { pathname, searchParams } = new URL(request.url, 'http://stand-in')
    if (pathname !== '/rest/push') return socket.destroy()
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    const signedIn = await isSignedIn(context, request.headers).catch(() => false)
    if (!signedIn) return socket.end(close())
    const wrong = !searchParams.get('pushRef')
      ? 'The query parameter "pushRef" is missing!'
      : isOwnOrigin(request.headers)
        ? undefined
        : 'Invalid origin!'
    if (wrong !== undefined) return socket.end(Buffer.concat([text(wrong), close(...policyViolation)]))
    // The only thing a visitor may say that matters is goodbye.
    socket.on('data', (frame) => (frame[0] & 0x0f) === 8 && socket.end(close()))
  })
}
