import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { after } from 'node:test'
import { endBackground } from '../../../lib/base/background.mts'
import { createKubectl, type Kubectl } from '../../../lib/kube/kubectl.mts'

/** An answer of the API server. A text is sent as text/plain. */
export interface Given {
  readonly code?: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** True: the body, a text, is only its beginning, and the answer does not end. */
  readonly stays?: true
}

/** What was written by a request. */
export interface Written {
  readonly method: string
  readonly path: string
  readonly type: string | undefined
  readonly body: unknown
}

/** Gives the answer to a path and query; undefined: there is none until the connection is closed. */
export type Serve = (path: string, written: Written | undefined) => Given | undefined

/** A Status, as the API server says no (Kubernetes API, meta/v1). */
export const status = (
  code: number,
  reason: string,
  message: string,
  headers = {},
  details?: object,
): Given => ({
  code,
  body: { apiVersion: 'v1', kind: 'Status', status: 'Failure', reason, message, details, code },
  headers: { 'audit-id': '1', ...headers },
})

/** The kinds the stand-in has, by path of group and version. */
const versions: Readonly<Record<string, readonly [name: string, kind: string, namespaced: boolean][]>> = {
  '/api/v1': [
    ['pods', 'Pod', true],
    ['pods/log', 'Pod', true],
    ['nodes', 'Node', false],
    ['configmaps', 'ConfigMap', true],
    ['namespaces', 'Namespace', false],
    ['secrets', 'Secret', true],
  ],
  '/apis/apps/v1': [
    ['deployments', 'Deployment', true],
    ['deployments/scale', 'Scale', true],
  ],
}

function discovered(path: string): Given | undefined {
  if (path === '/apis/apps')
    return {
      body: {
        kind: 'APIGroup',
        name: 'apps',
        versions: [{ groupVersion: 'apps/v1beta9' }, { groupVersion: 'apps/v1' }],
        preferredVersion: { groupVersion: 'apps/v1' },
      },
    }
  const kinds = versions[path]
  if (kinds === undefined) return undefined
  const resources = kinds.map(([name, kind, namespaced]) => ({ name, kind, namespaced }))
  return { body: { kind: 'APIResourceList', resources } }
}

export interface Served {
  readonly kubectl: Kubectl
  /** Path of the kubeconfig, which nobody reads here. */
  readonly kubeconfig: string
  /** Paths that were asked for, but those of kinds. */
  readonly asked: string[]
  /** Paths that were asked for to find kinds. */
  readonly discovered: string[]
  /** The process id and context of each `kubectl proxy` that was started. */
  readonly proxies: () => { readonly id: number; readonly context: string }[]
  /** Closes every connection, as a proxy that is killed does. */
  readonly cut: () => void
  /** What was written. */
  readonly written: readonly Written[]
  /** Connections that are open. */
  readonly open: () => number
}

const ending: (() => void)[] = []
after(async () => {
  await endBackground()
  for (const end of ending) end()
})

/**
 * An API server in this process, with discovery. The stand-in of `kubectl proxy` only puts a link to its socket where
 * the kit looks for one: no certificate and no login is part of it.
 * @param before shell text the stand-in of kubectl begins with
 * @param another the context to go on by
 * @param isSilent whether the server of a context does not answer while another one does
 */
export async function serveApi(
  serve: Serve,
  {
    before = ':',
    another = 'test',
    isSilent = () => Promise.resolve(false),
  }: { before?: string; another?: string; isSilent?: (context: string) => Promise<boolean> } = {},
): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-served-'))
  const asked: string[] = []
  const found: string[] = []
  const written: Written[] = []
  const writtenBy = async (request: IncomingMessage): Promise<Written | undefined> => {
    const { method = 'GET', url: path = '' } = request
    if (method === 'GET') return undefined
    const one = { method, path, type: request.headers['content-type'], body: await json(request) }
    written.push(one)
    return one
  }
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void writtenBy(request).then((sent) => {
      const path = request.url ?? ''
      const kinds = discovered(path)
      if (sent === undefined) (kinds === undefined ? asked : found).push(path)
      const given = kinds ?? serve(path, sent)
      if (given === undefined) return
      const isText = typeof given.body === 'string'
      const type = { 'content-type': isText ? 'text/plain' : 'application/json' }
      response.writeHead(given.code ?? 200, { ...type, ...given.headers })
      const text = isText ? given.body : JSON.stringify(given.body)
      if (given.stays === true) response.write(text)
      else response.end(text)
    })
  })
  const sockets = new Set<unknown>()
  server.on('connection', (one) => {
    sockets.add(one)
    one.on('close', () => sockets.delete(one))
  })
  const socket = join(folder, 'served')
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  ending.push(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const script = `${before}
for word; do case "$word" in --unix-socket=*) path=\${word#*=} ;; esac; done
echo "$$ $4" >>${folder}/proxies
ln -s ${socket} "$path"
exec sleep 600`
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(kubeconfig, '')
  const way = { context: 'test', another: () => Promise.resolve(another), isSilent }
  return {
    kubectl: createKubectl(['sh', '-c', script, 'kubectl'], kubeconfig, way),
    kubeconfig,
    asked,
    discovered: found,
    proxies: () =>
      readFileSync(join(folder, 'proxies'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => ({ id: Number.parseInt(line, 10), context: line.replace(/^\d+ /, '') })),
    cut: () => server.closeAllConnections(),
    written,
    open: () => sockets.size,
  }
}
