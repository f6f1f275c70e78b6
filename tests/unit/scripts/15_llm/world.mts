import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Tools as ReaderTools } from '../../../../lib/checks/checks.mts'
import { createHttp } from '../../../../lib/checks/http.mts'
import type { RawValues } from '../../../../lib/settings/settings.mts'
import { readVersions } from '../../../../lib/settings/versions.mts'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { checksSource } from '../../../../scripts/15_llm/python.mts'
import type { LlmSettings } from '../../../../scripts/15_llm/settings.mts'
import { saved, services, settingsFor } from './settings.mts'

// Two stand-ins of LiteLLM, one of Qdrant and one of an ingress on loopback, all right. The program of the checks is
// the real one, run by the real python3.

export interface Asked {
  /** Which pod: 0 or 1; 2 for the Service and the ingress. */
  readonly pod: number
  readonly method: string
  readonly path: string
  readonly key: string
  readonly body: Record<string, unknown>
}
export interface Given {
  readonly status?: number
  readonly json?: unknown
  readonly type?: string
  /** Pieces of the body, sent one after another. */
  readonly pieces?: readonly string[]
  /** Milliseconds between two pieces. */
  readonly every?: number
}
/** An answer in place of the right one; undefined: the right one. */
export type Fault = (asked: Asked) => Given | undefined

/** What all pods share: the database and Redis. */
interface State {
  readonly keys: Map<string, { limit: number }>
  readonly counts: Map<string, number>
  /** Values of stored credentials, as LiteLLM shows them. */
  readonly credentials: Map<string, Readonly<Record<string, string>>>
  readonly collections: Map<string, unknown>
}

const master = saved['LITELLM_MASTER_KEY'] ?? ''
const error = (status: number, message: string): Given => ({ status, json: { error: { message } } })

function litellm(state: State, { method, path, key, body }: Asked): Given {
  const isMaster = key === master
  if (path === '/health/readiness') return { json: { db: 'connected' } }
  if (key === '') return error(401, 'No api key passed in.')
  if (!isMaster && !state.keys.has(key)) return error(401, 'token_not_found_in_db')
  const route = `${method} ${path.split('/').slice(0, 3).join('/')}`
  if (route === 'GET /v1/models')
    return {
      json: { data: ['gpt-4o', 'local', 'keybuzz-check', 'keybuzz-check-limited'].map((id) => ({ id })) },
    }
  if (route === 'POST /v1/chat') return complete(state, key, body, isMaster)
  if (!isMaster) return error(403, 'not allowed')
  if (route === 'POST /key/generate') {
    state.keys.set(String(body['key']), { limit: Number(body['rpm_limit']) })
    return { json: { key: body['key'] } }
  }
  if (route === 'POST /key/delete') {
    const gone = (body['keys'] as string[]).filter((one) => state.keys.delete(one))
    return { json: { deleted_keys: gone } }
  }
  return credentials(state, method, path, body)
}

function credentials(state: State, method: string, path: string, body: Record<string, unknown>): Given {
  const name = path.split('/').at(-1) ?? ''
  if (method === 'POST') {
    const values = Object.entries(body['credential_values'] as Record<string, string>)
    // As LiteLLM: a value whose key says that it is secret is shown without its middle.
    const shown = values.map(([key, value]) =>
      key.includes('key') ? [key, `${value.slice(0, 2)}****${value.slice(-2)}`] : [key, value],
    )
    state.credentials.set(
      String(body['credential_name']),
      Object.fromEntries(shown) as Record<string, string>,
    )
    return { json: { success: true } }
  }
  if (method === 'DELETE') return { json: { success: state.credentials.delete(name) } }
  if (name === 'credentials')
    return { json: { credentials: [...state.credentials.keys()].map((one) => ({ credential_name: one })) } }
  const shown = state.credentials.get(name)
  return shown === undefined ? error(404, 'not found') : { json: { credential_values: shown } }
}

function complete(state: State, key: string, body: Record<string, unknown>, isMaster: boolean): Given {
  const limited = body['model'] === 'keybuzz-check-limited'
  const limit = limited ? 3 : isMaster ? Infinity : (state.keys.get(key)?.limit ?? 0)
  const counter = limited ? 'model' : key
  const count = (state.counts.get(counter) ?? 0) + 1
  state.counts.set(counter, count)
  if (count > limit) return error(429, 'Rate limit exceeded')
  if (body['stream'] !== true) return { json: { choices: [] } }
  const pieces = ['data: {"one":1}\n\n', 'data: {"two":2}\n\n', 'data: [DONE]\n\n']
  return { type: 'text/event-stream', pieces, every: 400 }
}

function qdrant(state: State, { method, path, key, body }: Asked): Given {
  if (key !== saved['QDRANT_API_KEY']) return { status: 401, pieces: ['Invalid API key or JWT'] }
  const [, , name = '', ...rest] = path.split('?')[0]?.split('/') ?? []
  if (name === '')
    return { json: { result: { collections: [...state.collections.keys()].map((one) => ({ name: one })) } } }
  if (method === 'DELETE') return { json: { result: state.collections.delete(name) } }
  if (rest.length === 0) {
    state.collections.set(name, [])
    return { json: { result: true } }
  }
  if (method === 'PUT') {
    state.collections.set(name, body['points'])
    return { json: { result: { status: 'completed' } } }
  }
  // 1.19 answers /points/search too, and documents it no more.
  if (rest.join('/') !== 'points/query') return { status: 404, pieces: [''] }
  return { json: { result: { points: state.collections.get(name) ?? [] } } }
}

async function serve(
  address: string,
  port: number,
  answer: (asked: Asked) => Given,
  pod: number,
): Promise<Server> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      const chunks = (await request.toArray()) as Buffer[]
      const { authorization = '', 'api-key': other = '' } = request.headers
      const text = Buffer.concat(chunks).toString()
      const {
        status = 200,
        json,
        type = 'application/json',
        pieces,
        every = 0,
      } = answer({
        pod,
        method: request.method ?? '',
        path: request.url ?? '',
        key: authorization.replace('Bearer ', '') || String(other),
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      })
      response.writeHead(status, { 'content-type': type })
      for (const piece of pieces ?? [JSON.stringify(json)]) {
        response.write(piece)
        await new Promise((done) => setTimeout(done, every))
      }
      response.end()
    })()
  })
  await new Promise<void>((done) => server.listen(port, address, done))
  return server
}

export interface World {
  readonly fault?: Fault
  readonly pods?: LiveObject[]
  readonly readiness?: string
  readonly sql?: {
    readonly migrations?: string
    readonly models?: string
    /** Models and credentials that are stored beside the kit's own. */
    readonly stored?: number
  }
  readonly settings?: LlmSettings
  /** Settings in addition to those of the tests. */
  readonly more?: RawValues
  readonly shipped?: number
  /** The URL of a Qdrant in place of the stand-in, whenever it is asked. */
  readonly qdrant?: () => string
  /** What the API server says when a service is asked. */
  readonly service?: () => Promise<string>
}

export const pod = (name: string, component: string, more: object = {}): LiveObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'llm-dev', labels: { 'app.kubernetes.io/component': component } },
  spec: { nodeName: `node-${name.at(-1)}` },
  status: {
    containerStatuses: [{ name: component, ready: true, restartCount: 0 }],
    conditions: [{ type: 'Ready', status: 'True' }],
    ...more,
  },
})

export interface Started {
  tools(world: World): ReaderTools<LlmSettings>
  readonly state: State
  /** Every request that reached one of them. */
  readonly asked: Asked[]
  stop(): Promise<void>
}

/** Starts them, once for a file of tests: addresses of loopback that no other test uses. */
export async function startWorld(): Promise<Started> {
  const third = 40 + Math.floor(Math.random() * 200)
  const address = (last: number) => `127.15.${third}.${last}`
  const state: State = { keys: new Map(), counts: new Map(), credentials: new Map(), collections: new Map() }
  const asked: Asked[] = []
  let fault: Fault = () => undefined
  const answering = (right: (state: State, asked: Asked) => Given) => (one: Asked) => {
    asked.push(one)
    return fault(one) ?? right(state, one)
  }
  const publicly = (one: Asked): Given =>
    one.path.startsWith('/v1/')
      ? answering(litellm)(one)
      : (asked.push(one), fault(one) ?? { status: 404, type: 'text/plain', pieces: ['404 page not found\n'] })
  const servers = await Promise.all([
    serve(address(1), 4000, answering(litellm), 0),
    serve(address(2), 4000, answering(litellm), 1),
    serve(address(3), 4000, answering(litellm), 2),
    serve(address(3), 6333, answering(qdrant), 2),
    serve(address(4), 8000, publicly, 2),
  ])
  const folder = mkdtempSync(join(tmpdir(), 'llm-checks-'))
  writeFileSync(join(folder, 'checks.py'), checksSource)
  const run = promisify(execFile)
  const env = {
    PATH: process.env['PATH'],
    LITELLM_MASTER_KEY: master,
    QDRANT_API_KEY: saved['QDRANT_API_KEY'],
  }
  const rightPods = [
    pod('litellm-1', 'proxy', { podIP: address(1) }),
    pod('litellm-2', 'proxy', { podIP: address(2) }),
    pod('llm-checks-1', 'checks'),
  ]
  return {
    state,
    asked,
    tools(world) {
      state.counts.clear()
      state.keys.clear()
      asked.length = 0
      fault = world.fault ?? (() => undefined)
      const settings =
        world.settings ??
        settingsFor({ INGRESS_ADDRESSES: `${address(4)}:8000`, SERVICES_YML: services, ...world.more }, 'dev')
      const sql = { migrations: '0 2', models: '', stored: 0, ...world.sql }
      return {
        settings,
        versions: readVersions('no-such-environment').versions,
        http: createHttp(settings),
        kube: {
          // The whole cluster has no other node: pods that share one stay there.
          list: (_kind: string, { namespace }: { namespace?: string }) =>
            Promise.resolve(namespace === undefined ? [] : (world.pods ?? rightPods)),
          raw: (path: string) =>
            path.includes('/services/')
              ? (world.service ?? (() => Promise.resolve('ok')))()
              : Promise.resolve(world.readiness ?? '{"db":"connected"}'),
          async runIn(_pod: LiveObject, [, , ...words]: string[]) {
            if (words[0] === 'migrations') return `${world.shipped ?? 2}\n`
            const here = words.map((word) =>
              word
                .replaceAll('http://qdrant:6333', world.qdrant?.() ?? `http://${address(3)}:6333`)
                .replaceAll('http://litellm:', `http://${address(3)}:`),
            )
            return (await run('python3', [join(folder, 'checks.py'), ...here], { env, timeout: 60_000 }))
              .stdout
          },
        },
        postgres: {
          findText(_database: unknown, query: string) {
            if (query.includes('_prisma_migrations')) return Promise.resolve(sql.migrations)
            if (!query.includes('LiteLLM_CredentialsTable')) return Promise.resolve(sql.models)
            return Promise.resolve(`${state.credentials.has('keybuzz-salt') ? 1 : 0} ${sql.stored}`)
          },
        },
      } as unknown as ReaderTools<LlmSettings>
    },
    async stop() {
      rmSync(folder, { recursive: true })
      await Promise.all(
        servers.map((server) => {
          server.closeAllConnections()
          return new Promise((done) => server.close(done))
        }),
      )
    },
  }
}
