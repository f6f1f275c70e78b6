import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { after } from 'node:test'
import { endBackground } from '../../../lib/base/background.mts'

// API servers on loopback for the real kubectl: as much of one as it takes to list, watch and apply.

/** A request that an API server got. */
export interface Request {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly authorization: string | undefined
  /** What was written. */
  readonly body: unknown
}

/** Gives the answer to a request; with `stays` its body is only the beginning. Undefined: 404. */
export type Serve = (request: Request) => { code?: number; body: object; stays?: true } | undefined

export interface LoopbackApi {
  readonly port: number
  /** What was asked of objects in namespaces: kubectl has questions of its own. */
  readonly asked: Request[]
  /** Ends every connection and takes no new one. */
  end(): void
}

/** The folder of this file's tests, removed when they have ended. */
export const folder = mkdtempSync(join(tmpdir(), 'keybuzz-loopback-api-'))
const servers: LoopbackApi[] = []
after(async () => {
  await endBackground()
  for (const server of servers) server.end()
  rmSync(folder, { recursive: true })
})

const kinds = {
  kind: 'APIResourceList',
  groupVersion: 'v1',
  resources: [
    { name: 'pods', kind: 'Pod', namespaced: true },
    { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
  ],
}

/** Starts an API server. @param tls its key and certificate; without them it speaks HTTP */
export async function startApi(serve: Serve, tls?: { key: string; cert: string }): Promise<LoopbackApi> {
  const asked: Request[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = 'GET', url: path = '', headers } = request
    const body = method === 'GET' ? undefined : await json(request)
    const one = { method, path, authorization: headers.authorization, body }
    if (path.startsWith('/api/v1/namespaces/')) asked.push(one)
    const given = serve(one) ?? (path === '/api/v1' ? { body: kinds } : { code: 404, body: {} })
    response.writeHead(given.code ?? 200, { 'content-type': 'application/json', 'audit-id': '1' })
    const text = `${JSON.stringify(given.body)}\n`
    if (given.stays === true) response.write(text)
    else response.end(text)
  }
  const listener = (request: IncomingMessage, response: ServerResponse) => void answer(request, response)
  const server = tls === undefined ? createPlainServer(listener) : createTlsServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const api: LoopbackApi = {
    port: (server.address() as AddressInfo).port,
    asked,
    end() {
      server.close()
      server.closeAllConnections()
    },
  }
  servers.push(api)
  return api
}

let files = 0

/** Writes a kubeconfig whose contexts lead to these clusters, all by one user. @returns its path */
export function writeKubeconfig(clusters: Readonly<Record<string, object>>, user: object = {}): string {
  const path = join(folder, `kubeconfig-${(files += 1)}`)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': Object.keys(clusters)[0],
    clusters: Object.entries(clusters).map(([name, cluster]) => ({ name, cluster })),
    contexts: Object.keys(clusters).map((name) => ({ name, context: { cluster: name, user: 'test' } })),
    users: [{ name: 'test', user }],
  }
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  return path
}
