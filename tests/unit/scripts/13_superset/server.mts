import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHttp } from '../../../../lib/checks/http.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import type { SupersetSettings } from '../../../../scripts/13_superset/settings.mts'

// A stand-in for Superset on loopback: a table of answers, all right, of which each test makes one wrong. The checks reach
// it by the kit's own HTTP, as through an ingress.

export const host = 'superset.dev.example.com'

export interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

export interface Reply {
  status?: number
  json?: unknown
  text?: string
  headers?: Record<string, string | string[]>
}

export type Route = (request: Request) => Reply

// The manifest comes first, as in the real page: its name begins like that of a script.
const page =
  '<link rel="manifest" href="/static/assets/pwa-manifest.json"><script src="/static/assets/spa.js"></script><input name="csrf_token" id="csrf_token" value="crumb">'
const cookie = { 'set-cookie': ['session=form; Secure; HttpOnly; Path=/; SameSite=Lax'] }
const signedIn = { 'set-cookie': ['session=admin; Secure; HttpOnly; Path=/; SameSite=Lax'] }
const isAdmin = ({ headers }: Request) =>
  headers['authorization'] === 'Bearer token' || headers['cookie'] === 'session=admin'
/** What Superset wants of a request that writes. */
const isForm = ({ headers }: Request) =>
  headers['x-csrftoken'] === 'crumb' &&
  headers['cookie'] === 'session=form' &&
  headers['referer'] === `https://${host}/`
const only =
  (allowed: (request: Request) => boolean, reply: (request: Request) => Reply): Route =>
  (request) =>
    allowed(request) ? reply(request) : { status: 401, json: { msg: 'no' } }
const writing = (reply: (request: Request) => Reply): Route =>
  only(isAdmin, (request) => (isForm(request) ? reply(request) : { status: 400, json: { msg: 'CSRF' } }))

export const address = 'postgresql+psycopg2://superset_dev:XXXXXXXXXX@db.example.com:5432/superset_dev'

export function rightRoutes(): Record<string, Route> {
  let counted = { second: 0, count: 0 }
  let sum = 0
  return {
    'GET /health': () => ({ text: 'OK' }),
    'GET /login/': () => ({ text: page, headers: cookie }),
    'GET /static/assets/spa.js': () => ({ text: '//' }),
    'GET /dashboard/list/': ({ headers }) => ({
      status: 302,
      headers: {
        location: `/login/?next=${encodeURIComponent(`${headers['x-forwarded-proto']}://${headers['host']}/dashboard/list/`)}`,
      },
    }),
    'POST /login/'({ headers, body }) {
      const given = new URLSearchParams(body)
      if (headers['content-type'] !== 'application/x-www-form-urlencoded') return { status: 415 }
      if (given.get('csrf_token') !== 'crumb' || headers['cookie'] !== 'session=form')
        return { status: 400, text: 'CSRF' }
      return given.get('password') === 'Admin-password-1'
        ? { status: 302, headers: { location: '/', ...signedIn } }
        : { status: 302, headers: { location: '/login/' } }
    },
    'POST /api/v1/security/login': ({ body }) =>
      (JSON.parse(body) as { password: string }).password === 'Admin-password-1'
        ? { json: { access_token: 'token' } }
        : { status: 401, json: { message: 'Not authorized' } },
    'GET /api/v1/security/csrf_token/': only(isAdmin, () => ({ json: { result: 'crumb' }, headers: cookie })),
    'GET /api/v1/me/'(request) {
      const second = Math.floor(Date.now() / 1000)
      counted = { second, count: counted.second === second ? counted.count + 1 : 1 }
      if (counted.count > 50) return { status: 429, text: 'Too Many Requests' }
      return isAdmin(request) ? { json: { result: {} } } : { status: 401 }
    },
    'GET /api/v1/database/': only(isAdmin, () => ({ json: { result: [{ id: 1, database_name: 'Sales' }] } })),
    'GET /api/v1/database/1/connection': only(isAdmin, () => ({
      json: { result: { sqlalchemy_uri: address } },
    })),
    'POST /api/v1/database/': writing(() => ({ status: 201, json: { id: 2 } })),
    'GET /api/v1/database/2/connection': only(isAdmin, () => ({
      json: { result: { sqlalchemy_uri: address } },
    })),
    'POST /api/v1/database/test_connection/': writing(({ body }) =>
      (JSON.parse(body) as { sqlalchemy_uri: string }).sqlalchemy_uri === address
        ? { json: { message: 'OK' } }
        : { status: 422, json: { message: 'another address' } },
    ),
    'DELETE /api/v1/database/2': writing(() => ({ json: {} })),
    'POST /api/v1/sqllab/execute/': writing(({ body }) => {
      const { sql } = JSON.parse(body) as { sql: string }
      sum = (/\d+/g[Symbol.match](sql) ?? []).map(Number).reduce((a, b) => a + b, 0)
      return { status: 202, json: { query: { queryId: 7 } } }
    }),
    'GET /api/v1/query/7': only(isAdmin, () => ({
      json: { result: { status: 'success', results_key: 'a-b' } },
    })),
    'GET /api/v1/sqllab/results/': only(isAdmin, ({ query }) =>
      query.get('q') === "(key:'a-b')" ? { json: { data: [{ sum }] } } : { status: 404 },
    ),
  }
}

/** The stand-in with these answers in place of its own. `asked` is every request it got. */
export async function startSuperset(routes: Record<string, Route>) {
  const table = { ...rightRoutes(), ...routes }
  const asked: string[] = []
  async function answer(message: IncomingMessage): Promise<Reply> {
    const { pathname, searchParams: query } = new URL(message.url ?? '/', 'http://stand-in')
    const pieces = (await message.toArray()) as Buffer[]
    const name = `${message.method} ${pathname}`
    asked.push(name)
    const request = {
      method: message.method ?? '',
      path: pathname,
      query,
      headers: message.headers as Request['headers'],
      body: Buffer.concat(pieces).toString(),
    }
    return table[name]?.(request) ?? { status: 404, text: name }
  }
  const server = createServer((message, response) => {
    void answer(message).then(({ status = 200, json, text = JSON.stringify(json ?? {}), headers = {} }) => {
      response.writeHead(status, headers)
      response.end(text)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const settings = {
    ENV: 'dev',
    SUPERSET_HOST: host,
    SUPERSET_ADMIN_USERNAME: 'admin',
    SUPERSET_ADMIN_PASSWORD: sensitive('Admin-password-1'),
    SUPERSET_POSTGRES_PASSWORD: sensitive('a%role@password'),
    POSTGRES_HOST: 'db.example.com',
    POSTGRES_PORT: 5432,
    POSTGRES_TLS: 'off',
    TLS_MODE: 'load-balancer',
    INGRESS_ADDRESSES: `127.0.0.1:${port}`,
  } as unknown as SupersetSettings
  return {
    asked,
    settings,
    http: createHttp(settings),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
