import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKubectl, type Kubectl } from '../../../../lib/kube/kubectl.mts'

// As much of an API server on loopback as the real kubectl needs to read and apply ConfigMaps of one namespace: with
// versions, managers of fields and dry runs, as Kubernetes has them.

interface Stored {
  apiVersion: 'v1'
  kind: 'ConfigMap'
  metadata: {
    name: string
    namespace: string
    uid: string
    resourceVersion: string
    labels: Record<string, string>
    managedFields: { manager: string; operation: string; apiVersion: string; fieldsV1: object }[]
  }
  data: Record<string, string>
}

export interface ApiServer {
  readonly kubectl: Kubectl
  readonly stored: Map<string, Stored>
  /** Applies that were not dry runs, with the version they named. */
  readonly applied: (string | undefined)[]
  /** Called before each of them is looked at. */
  meanwhile: () => void
  /** Writes as `manager` does by hand: it owns these keys then. */
  edit(name: string, data: Record<string, string>, manager?: string): void
  close(): void
}

const owning = (manager: string, operation: string, keys: readonly string[]) => ({
  manager,
  operation,
  apiVersion: 'v1',
  fieldsV1: {
    // A field without fields below it would be owned whole.
    ...(keys.length > 0 && { 'f:data': Object.fromEntries(keys.map((key) => [`f:${key}`, {}])) }),
    'f:metadata': { 'f:labels': {} },
  },
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

const status = (code: number, reason: string, message: string) => ({
  code,
  body: { apiVersion: 'v1', kind: 'Status', status: 'Failure', reason, message, code },
})

const resources = {
  kind: 'APIResourceList',
  groupVersion: 'v1',
  resources: [
    {
      name: 'configmaps',
      singularName: 'configmap',
      namespaced: true,
      kind: 'ConfigMap',
      verbs: ['create', 'get', 'list', 'patch', 'delete'],
    },
  ],
}

export async function startApiServer(): Promise<ApiServer> {
  const stored = new Map<string, Stored>()
  const applied: (string | undefined)[] = []
  let version = 1
  const api: ApiServer = {
    kubectl: undefined as unknown as Kubectl,
    stored,
    applied,
    meanwhile: () => {},
    edit(name, data, manager = 'kubectl-edit') {
      const one = stored.get(name)
      if (one === undefined) return
      const keys = Object.keys(data)
      const ours = Object.keys(one.data).filter((key) => !keys.includes(key))
      one.data = { ...one.data, ...data }
      one.metadata.managedFields = [owning('keybuzz', 'Apply', ours), owning(manager, 'Update', keys)]
      one.metadata.resourceVersion = String((version += 1))
    },
    close: () => {},
  }

  function apply(name: string, wanted: Stored, dryRun: boolean): { code: number; body: object } {
    const now = stored.get(name)
    const named = wanted.metadata.resourceVersion as string | undefined
    if (!dryRun) applied.push(named)
    if (named !== undefined && named !== now?.metadata.resourceVersion)
      return status(
        409,
        'Conflict',
        `Operation cannot be fulfilled on configmaps "${name}": the object has been modified; please apply your changes to the latest version and try again`,
      )
    const next: Stored = {
      ...wanted,
      metadata: {
        ...wanted.metadata,
        uid: now?.metadata.uid ?? `uid-${name}`,
        resourceVersion: now?.metadata.resourceVersion ?? '0',
        managedFields: [owning('keybuzz', 'Apply', Object.keys(wanted.data))],
      },
      data: { ...now?.data, ...wanted.data },
    }
    if (dryRun) return { code: 200, body: next }
    next.metadata.resourceVersion = String((version += 1))
    stored.set(name, next)
    return { code: 200, body: next }
  }

  async function answer(request: IncomingMessage): Promise<{ code: number; body: object }> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/api') return { code: 200, body: { kind: 'APIVersions', versions: ['v1'] } }
    if (pathname === '/apis')
      return { code: 200, body: { kind: 'APIGroupList', apiVersion: 'v1', groups: [] } }
    if (pathname === '/api/v1') return { code: 200, body: resources }
    const [, name = ''] = /^\/api\/v1\/namespaces\/n8n-dev\/configmaps\/([\w-]+)$/.exec(pathname) ?? []
    if (name !== '' && request.method === 'PATCH') {
      const wanted = JSON.parse(await bodyOf(request)) as Stored
      const dryRun = searchParams.has('dryRun')
      if (!dryRun) api.meanwhile()
      return apply(name, wanted, dryRun)
    }
    const found = stored.get(name)
    return found === undefined ? status(404, 'NotFound', `${pathname} not found`) : { code: 200, body: found }
  }

  const server = createServer((request, response) => {
    void answer(request).then(({ code, body }) => {
      response.writeHead(code, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-api-'))
  const kubeconfig = join(folder, 'kubeconfig')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server: url } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      users: [{ name: 'test', user: {} }],
    }),
    { mode: 0o600 },
  )
  const way = { context: 'test', another: () => Promise.resolve('test') }
  const words = ['kubectl', '--cache-dir', join(folder, 'cache')]
  return Object.assign(api, {
    kubectl: createKubectl(words, kubeconfig, way),
    close: () => {
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  })
}
