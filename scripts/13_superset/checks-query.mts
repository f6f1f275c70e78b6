import { randomBytes, randomInt } from 'node:crypto'
import { pollUntil } from '../../lib/base/poll.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed, type Answer } from '../../lib/checks/checks.mts'
import {
  connectByStored,
  listConnections,
  readConnection,
  withConnection,
  type Connection,
} from './connection.mts'
import { checkPrefix, resultOf, signIn, type Api, type SupersetCheck } from './session.mts'

// Checks of stored connections, and of queries through broker, worker and results.

/** Maximum number of stored connections that are read. */
const mostRead = 20

export const key: SupersetCheck = {
  id: 'superset.key',
  title:
    'Stored connections can be read with the key of the pods, and a new one connects by its stored password',
  fix: 'stored connections cannot be read with this key: put the SUPERSET_SECRET_KEY they were stored with back, from your copy; no command of 6.1.0 encrypts them anew',
  async ask(tools) {
    const api = await signIn(tools)
    const stored = (await listConnections(api)).filter(({ name }) => !name.startsWith(checkPrefix))
    const lost: string[] = []
    for (const one of stored.slice(0, mostRead)) {
      const read = await readConnection(api, one)
      if (typeof read === 'string') lost.push(`${shortened(one.name, 40)}: ${read}`)
    }
    if (lost.length > 0) return failed(`not readable: ${lost.join(', ')}`)
    const wrong = await withConnection(tools, connectByStored)
    const read = `${Math.min(stored.length, mostRead)} stored connections read`
    return wrong === undefined ? passed(`${read}; a new one connects`) : failed(`a new one: ${wrong}`)
  },
}

/** Seconds in which a trivial query must have its result, the wait for a worker included. */
const workerSeconds = 60

interface QueryState {
  readonly status: string
  readonly results_key?: string | null
  readonly error_message?: string | null
}

/** A query that was queued for the workers. */
export interface Started {
  readonly id: number
  /** The number that the only cell of its result must have. */
  readonly sum: number
}

/**
 * Starts a query on the workers.
 * @returns what is wrong, as text, when Superset did not queue it
 * @throws KitError exit 10 when its response is not JSON; exit 2, 6 or 7, see askServed
 */
export async function startQuery(api: Api, connection: Connection): Promise<Started | string> {
  const [a, b] = [randomInt(1, 1000), randomInt(1, 1000)]
  const json = {
    database_id: connection.id,
    sql: `SELECT ${a} + ${b} AS sum`,
    client_id: randomBytes(5).toString('hex'),
    runAsync: true,
    queryLimit: 10,
  }
  const answer = await api.ask('/api/v1/sqllab/execute/', { method: 'POST', json, timeoutSeconds: 60 })
  if (/on a worker/.test(answer.text)) return 'the broker took no task: the web pods do not reach Redis'
  if (answer.status === 200) return 'it ran in the web pod, not on a worker'
  if (answer.status !== 202) return `execute ${answer.status} ${shortened(answer.text, 160)}`
  const { query } = answer.json() as { query: { queryId: number } }
  return { id: query.queryId, sum: a + b }
}

/** The state of a query. @throws KitError exit 10, see resultOf */
export const stateOf = async (api: Api, { id }: Started): Promise<QueryState> =>
  resultOf<{ result: QueryState }>(await api.ask(`/api/v1/query/${id}`), `query ${id}`).result

const isOver = ({ status }: QueryState): boolean => !['pending', 'running', 'scheduled'].includes(status)

/**
 * Waits for a query and reads its result.
 * @param seconds until it must be finished
 * @returns what is wrong, distinct for queue, worker and results; undefined if the result is right
 * @throws KitError exit 10, see stateOf, or when the result is not JSON; exit 2, 6 or 7, see askServed
 */
export async function finishQuery(
  api: Api,
  started: Started,
  seconds = workerSeconds,
): Promise<string | undefined> {
  const state = await pollUntil(() => stateOf(api, started), {
    until: isOver,
    milliseconds: seconds * 1000,
    every: 500,
  })
  if (state.status === 'pending' || state.status === 'scheduled')
    return `after ${seconds} s it waits in the queue: no worker took it`
  if (state.status === 'running') return `after ${seconds} s a worker still works on it`
  if (state.status !== 'success')
    return `it ended as ${state.status}: ${shortened(state.error_message ?? '', 120)}`
  const page = await api.ask(`/api/v1/sqllab/results/?q=(key:'${state.results_key ?? ''}')`)
  if (page.status !== 200)
    return `a worker ended it, but its result is not in Redis: ${page.status} ${shortened(page.text, 120)}`
  const { data } = page.json() as { data?: { sum?: unknown }[] }
  return data?.[0]?.sum === started.sum ? undefined : `its result is ${shortened(JSON.stringify(data), 80)}`
}

export const sqlLab: SupersetCheck = {
  id: 'superset.sqllab',
  title: 'A query of SQL Lab runs on a worker, and its result comes back',
  fix: 'as it says: broker (Redis from the web pods), queue (kubectl -n NAMESPACE logs deployment/superset-worker), or results (Redis from the workers)',
  ask: (tools) => withConnection(tools, runQuery),
}

async function runQuery(api: Api, connection: Connection): Promise<Answer> {
  const began = performance.now()
  const started = await startQuery(api, connection)
  if (typeof started === 'string') return failed(started)
  const wrong = await finishQuery(api, started)
  return wrong === undefined
    ? passed(`the sum was right, in ${Math.round(performance.now() - began)} ms`)
    : failed(wrong)
}
