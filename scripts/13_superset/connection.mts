import { randomBytes } from 'node:crypto'
import { caPath } from '../../lib/kube/manifests/backend-trust.mts'
import { exitCodes } from '../../lib/base/errors.mts'
import { fields, readShape, text } from '../../lib/base/shape.mts'
import { sensitive, shortened, strictlyPercent } from '../../lib/base/sensitive.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { sslModeOf } from '../../lib/settings/backend-tls.mts'
import { names } from './names.mts'
import { checkPrefix, resultOf, signIn, type Api, type Tools } from './session.mts'
import type { SupersetSettings } from './settings.mts'

// Database connections that the checks and drills store in Superset and delete again. They are to Superset's own
// database, with its own role: the kit knows no other.

/** A connection as the API lists it. */
export interface Connection {
  readonly id: number
  readonly name: string
}

/** The URL with its password, which Superset encrypts with its key. The pods have the CA at the same path. */
function addressOf(settings: SupersetSettings): string {
  const { POSTGRES_HOST: host, POSTGRES_PORT: port, SUPERSET_POSTGRES_PASSWORD: password } = settings
  const database = names.database(settings.ENV)
  const [mode, ca] = [sslModeOf(settings), caPath(settings, 'POSTGRES')]
  const tls = mode === undefined ? '' : `?sslmode=${mode}${ca === undefined ? '' : `&sslrootcert=${ca}`}`
  const login = `${database}:${strictlyPercent(password.reveal())}`
  return sensitive(`postgresql+psycopg2://${login}@${host}:${port}/${database}${tls}`).reveal()
}

/** The first 100 stored connections. @throws KitError exit 10 when Superset does not list them */
export async function listConnections(api: Api): Promise<Connection[]> {
  // Rison: what Superset's API takes as a query.
  const page = await api.ask('/api/v1/database/?q=(page_size:100)')
  const { result } = resultOf<{ result: { id: number; database_name: string }[] }>(page, 'list connections')
  return result.map(({ id, database_name: name }) => ({ id, name }))
}

/** Stores a connection with a new name. Superset connects first. @throws KitError exit 10 when it does not store it */
async function storeConnection(api: Api, settings: SupersetSettings): Promise<Connection> {
  const name = checkPrefix + randomBytes(6).toString('hex')
  const json = {
    database_name: name,
    sqlalchemy_uri: addressOf(settings),
    expose_in_sqllab: true,
    allow_run_async: true,
  }
  const made = await api.ask('/api/v1/database/', { method: 'POST', json })
  return { id: resultOf<{ id: number }>(made, 'store a connection').id, name }
}

const stored = fields({ result: fields({ sqlalchemy_uri: text }) })

/**
 * Reads a stored connection, which Superset must decrypt with the key of its pods.
 * @returns its URL with the password masked; status and text of the response, when Superset refuses
 * @throws KitError exit 10 for a response that is not JSON or has another shape; exit 2, 6 or 7, see askServed
 */
export async function readConnection(api: Api, { id }: Connection): Promise<{ uri: string } | string> {
  const answer = await api.ask(`/api/v1/database/${id}/connection`)
  if (answer.status !== 200) return `${answer.status} ${shortened(answer.text, 160)}`
  const { result } = readShape('the answer of Superset', stored, answer.json(), {
    exitCode: exitCodes.validationFailed,
    hint: 'see what answers by the public name of Superset: its path /health must say OK',
  })
  return { uri: result.sqlalchemy_uri }
}

/**
 * Has Superset connect with the stored password: for a URL with a masked password it uses the stored one.
 * @returns what is wrong; undefined if it connects
 * @throws KitError exit 10, see readConnection; exit 2, 6 or 7, see askServed
 */
export async function connectByStored(api: Api, connection: Connection): Promise<string | undefined> {
  const read = await readConnection(api, connection)
  if (typeof read === 'string') return read
  if (!read.uri.includes('XXXX')) return 'the address is shown with its password'
  const json = { database_name: connection.name, sqlalchemy_uri: read.uri }
  const { status, text } = await api.ask('/api/v1/database/test_connection/', { method: 'POST', json })
  return status === 200 ? undefined : `${status} ${shortened(text, 160)}`
}

const removeConnection = (api: Api, { id }: Connection): Promise<HttpAnswer> =>
  api.ask(`/api/v1/database/${id}`, { method: 'DELETE' })

/**
 * Deletes the connections that killed runs left. Where there is none at all, stores one and deletes it: with the first
 * one ever Superset makes permissions, and of two that are stored at once then, one is refused.
 */
async function prepare(api: Api, settings: SupersetSettings): Promise<void> {
  const found = await listConnections(api)
  for (const one of found) if (one.name.startsWith(checkPrefix)) await removeConnection(api, one)
  if (found.length === 0) await removeConnection(api, await storeConnection(api, settings))
}

/**
 * Stores a connection, calls `run` with it, and deletes it. Connections that killed runs left are deleted first, once.
 * @throws KitError exit 10 when Superset refuses the sign-in or a connection; exit 2, 6 or 7, see askServed; what `run`
 *   throws
 */
export async function withConnection<T>(
  tools: Tools,
  run: (api: Api, connection: Connection) => Promise<T>,
): Promise<T> {
  const api = await signIn(tools)
  await tools.once('superset.connections', () => prepare(api, tools.settings))
  const connection = await storeConnection(api, tools.settings)
  try {
    return await run(api, connection)
  } finally {
    await removeConnection(api, connection)
  }
}
