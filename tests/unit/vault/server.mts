import { createServer, type Server } from 'node:https'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeAuthority } from '../backends/authority.mts'
import { jwtLogin } from './jwt.mts'

// A stand-in for Vault and for the API server, on one TLS port of loopback: it keeps what is written, and answers as
// OpenBao 2.7.2 did. Each test makes one answer wrong.

export interface Asked {
  readonly method: string
  /** Without /v1/. */
  readonly path: string
  readonly token: string
  readonly namespace: string
  readonly body: Record<string, unknown>
}
export interface Given {
  readonly status?: number
  readonly json?: unknown
  readonly text?: string
  readonly headers?: Record<string, string>
  /** No answer at all. */
  readonly silent?: true
}
export type Fault = (asked: Asked) => Given | undefined

/** What the stand-in knows: documents by path, and the tokens it takes. */
export interface State {
  readonly documents: Map<string, Record<string, unknown>>
  /** Requests that wrote, in their order: `POST auth/kubernetes/config`. */
  readonly writes: string[]
  readonly asked: Asked[]
}

const error = (status: number, ...errors: string[]): Given => ({ status, json: { errors } })
const data = (json: unknown): Given => ({ json: { data: json } })

export const adminToken = 'admin-token-of-the-tests'
export const checkToken = 'check-token-of-the-tests'
export const reviewerToken = 'reviewer-token-of-the-tests'
/** Tokens of service accounts: account, namespace and audience. */
export const jwtOf = (account: string, namespace: string, audience: string): string =>
  `jwt:${account}:${namespace}:${audience}`

function loginOf(state: State, { body }: Asked): Given {
  const role = state.documents.get(`auth/kubernetes/role/${String(body['role'])}`)
  if (role === undefined) return error(400, `invalid role name "${String(body['role'])}"`)
  const config = state.documents.get('auth/kubernetes/config')
  if (config?.['token_reviewer_jwt'] !== reviewerToken) return error(403, 'permission denied')
  const [, account = '', namespace = '', audience = ''] = String(body['jwt']).split(':')
  const bound = (key: string): string[] => role[key] as string[]
  if (audience !== role['audience'])
    return error(403, 'invalid audience (aud) claim: audience claim does not match')
  if (!bound('bound_service_account_names').includes(account))
    return error(403, 'service account name not authorized')
  if (!bound('bound_service_account_namespaces').includes(namespace))
    return error(403, 'namespace not authorized')
  return { json: { auth: { client_token: tokenFor(String(body['role'])) } } }
}

const tokenFor = (role: string): string => (role === 'keybuzz-check' ? checkToken : `login-of-${role}`)

/** True for a token that a login gave, on a path that the policy of its role names. */
function isGranted(state: State, { token, path, method }: Asked): boolean {
  const ruled = (policy: string) =>
    (state.documents.get(`sys/policies/acl/${policy}`) as { policy?: string } | undefined)?.policy ?? ''
  if (token === checkToken)
    return (
      path === 'kv/data/keybuzz/check' ||
      (path === 'auth/jwt/config' && ruled('keybuzz-jwt-check').includes(`path "${path}" {`))
    )
  const name = token.replace('login-of-', '')
  const role =
    state.documents.get(`auth/kubernetes/role/${name}`) ?? state.documents.get(`auth/jwt/role/${name}`)
  const [policy = ''] = (role?.['token_policies'] ?? []) as string[]
  return token.startsWith('login-of-') && method === 'GET' && ruled(policy).includes(`path "${path}" {`)
}

/** A write to the KV engine: of the version that the writer saw, when it says so. */
function keep(state: State, { path, body }: Asked): Given {
  const { metadata } = (state.documents.get(path) ?? {}) as { metadata?: { version: number } }
  const { options, data: values } = body as { options?: { cas?: number }; data?: unknown }
  const version = metadata?.version ?? 0
  if (options?.cas !== undefined && options.cas !== version)
    return error(400, 'check-and-set parameter did not match the current version')
  state.documents.set(path, { data: values, metadata: { version: version + 1 } })
  return data({ version: version + 1 })
}

function right(state: State, asked: Asked): Given {
  const { method, path, token } = asked
  if (path === 'sys/health')
    return {
      json: {
        initialized: true,
        sealed: false,
        version: '2.7.2',
        server_time_utc: Math.floor(Date.now() / 1000),
      },
    }
  if (path.startsWith('/apis/'))
    return token === reviewerToken
      ? { status: 201, json: { status: { authenticated: true } } }
      : { status: 401, json: { message: 'Unauthorized' } }
  if (path === 'auth/kubernetes/login') return loginOf(state, asked)
  if (path === 'auth/jwt/login') return jwtLogin(state, asked, tokenFor)
  if (path === 'auth/approle/login')
    return asked.body['secret_id'] === 'secret-id-of-the-tests'
      ? { json: { auth: { client_token: adminToken } } }
      : error(400, 'invalid role or secret ID')
  if (token !== adminToken && !isGranted(state, asked)) return error(403, 'permission denied')
  if (path === 'auth/token/lookup-self') return data({ ttl: 3600, expire_time: '2030-01-01T00:00:00Z' })
  if (path === 'sys/capabilities-self')
    return data(
      Object.fromEntries(
        (asked.body['paths'] as string[]).map((one) => [one, ['create', 'read', 'sudo', 'update']]),
      ),
    )
  if (path === 'sys/internal/ui/mounts/kv') return data({ type: 'kv', options: { version: '2' } })
  if (method === 'GET') {
    const found = state.documents.get(path)
    if (found === undefined) return error(404)
    const { token_reviewer_jwt: hidden, ...shown } = found
    return data(hidden === undefined ? shown : { ...shown, token_reviewer_jwt_set: true })
  }
  state.writes.push(`${method} ${path}`)
  if (method === 'DELETE') {
    state.documents.delete(path)
    return { status: 204 }
  }
  if (path.startsWith('kv/')) return keep(state, asked)
  if (path.startsWith('sys/auth/'))
    state.documents.set('sys/auth', { [`${path.slice('sys/auth/'.length)}/`]: asked.body })
  else state.documents.set(path, asked.body)
  return { status: 204 }
}

export interface StandIn {
  readonly url: string
  readonly ca: string
  /** PEM of a CA that did not sign it. */
  readonly foreignCa: string
  readonly state: State
  /** Makes answers wrong, until the next call. */
  wrong(fault: Fault): void
  /** Forgets everything that was written, and every fault. */
  reset(): void
  stop(): Promise<void>
}

async function readAsked(request: IncomingMessage): Promise<Asked> {
  const text = Buffer.concat((await request.toArray()) as Buffer[]).toString()
  const {
    authorization = '',
    'x-vault-token': token = '',
    'x-vault-namespace': namespace = '',
  } = request.headers
  return {
    method: request.method ?? '',
    path: (request.url ?? '').replace(/^\/v1\//, ''),
    token: String(token) || authorization.replace('Bearer ', ''),
    namespace: String(namespace),
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  }
}

/** Starts it, once for a file of tests. */
export async function startStandIn(): Promise<StandIn> {
  const { ca, key, certificate } = makeAuthority()
  const state: State = { documents: new Map(), writes: [], asked: [] }
  let fault: Fault = () => undefined
  const server: Server = createServer({ key, cert: certificate }, (request, response) => {
    void readAsked(request).then((asked) => {
      state.asked.push(asked)
      const { status = 200, json, text, headers = {}, silent } = fault(asked) ?? right(state, asked)
      if (silent === true) return
      response.writeHead(status, headers)
      response.end(text ?? (json === undefined ? '' : JSON.stringify(json)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    ca,
    foreignCa: makeAuthority().ca,
    state,
    wrong: (next) => void (fault = next),
    reset() {
      fault = () => undefined
      state.documents.clear()
      state.writes.length = 0
      state.asked.length = 0
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** A fault for requests to one path. */
export const at =
  (path: string, given: Given): Fault =>
  (asked) =>
    asked.path.startsWith(path) ? given : undefined
