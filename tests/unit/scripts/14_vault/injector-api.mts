import { createServer, type Server } from 'node:https'
import type { ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { webhook } from '../../../../scripts/14_vault/webhook.mts'
import { makeAuthority } from '../../backends/authority.mts'
import { isAllowed } from './allowed.mts'

// The API server as the injector asks it: objects by their path, over HTTPS. The real injector finds kinds first, watches
// what the stand-in lists, and writes protobuf, of which only the kind and path are of interest here. Who asks for more than
// the kit's RBAC allows is refused.

export const hookPath =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/keybuzz-vault-injector'
const base = '/api/v1/namespaces/vault-injector'
export const lockPath = `${base}/configmaps/vault-k8s-leader`
export const secretPath = `${base}/secrets/vault-injector-certs`
export const podPath = (name: string): string => `${base}/pods/${name}`

interface Stored {
  readonly metadata: {
    readonly name: string
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[]
  }
  readonly data?: Readonly<Record<string, string>>
  readonly webhooks?: [{ clientConfig: { caBundle?: string } }]
}

export interface InjectorApi {
  readonly port: number
  /** The CA of its certificate. */
  readonly ca: string
  readonly objects: Map<string, object>
  /** Method and path of every request that writes, in their order. */
  readonly writes: string[]
  /** The object of a path. @throws Error when there is none */
  find(path: string): Stored
  /** What the webhook has as its CA, as PEM. */
  bundle(): string
  close(): Promise<void>
}

const kinds = { pods: 'Pod', configmaps: 'ConfigMap', secrets: 'Secret', nodes: 'Node' }
const discovered: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: Object.entries(kinds).map(([name, kind]) => ({
      name,
      kind,
      namespaced: name !== 'nodes',
      singularName: '',
      verbs: ['get', 'list', 'create', 'delete', 'watch'],
    })),
  },
}

interface Reply {
  readonly code: number
  readonly body: object
}

/** A Status, as the API server says no. */
const problem = (code: number, reason: string): Reply => ({
  code,
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message: reason, details: {}, code },
})

/** Starts it, with the webhook of the kit and a running pod of each of these names. */
export async function startInjectorApi(pods: readonly string[]): Promise<InjectorApi> {
  const { ca, key, certificate } = makeAuthority()
  const objects = new Map<string, object>([[hookPath, webhook()]])
  for (const name of pods) {
    const metadata = { name, namespace: 'vault-injector', uid: `uid-${name}`, resourceVersion: '1' }
    objects.set(podPath(name), { kind: 'Pod', apiVersion: 'v1', metadata, status: { phase: 'Running' } })
  }
  const writes: string[] = []

  const under = (path: string) =>
    [...objects].flatMap(([one, object]) => (one.startsWith(`${path}/`) ? [object] : []))

  function write(method: string, path: string, type: string, body: string): Reply {
    writes.push(`${method} ${path}`)
    const sent: unknown = type.includes('json') && body !== '' ? JSON.parse(body) : {}
    if (method === 'POST') return create(path, sent as Stored)
    if (method === 'DELETE') objects.delete(path)
    if (method === 'PUT') objects.set(path, sent as Stored)
    const [first] = (objects.get(path) as Stored | undefined)?.webhooks ?? []
    if (method === 'PATCH' && first !== undefined)
      first.clientConfig.caBundle = (sent as [{ value: string }])[0].value
    return { code: 200, body: objects.get(path) ?? {} }
  }

  function create(path: string, { metadata, ...rest }: Stored): Reply {
    const name = path.endsWith('configmaps') ? 'vault-k8s-leader' : 'vault-injector-certs'
    if (objects.has(`${path}/${name}`)) return problem(409, 'AlreadyExists')
    const body = { ...rest, metadata: { ...metadata, name, namespace: 'vault-injector', uid: 'u' } }
    objects.set(`${path}/${name}`, body)
    return { code: 201, body }
  }

  /** The objects there are, then the mark that these were all; nothing comes after it. */
  function watch(path: string, response: ServerResponse) {
    const kind = path.includes('secrets') ? ['Secret', 'v1'] : [webhook().kind, webhook().apiVersion]
    const annotations = { 'k8s.io/initial-events-end': 'true' }
    const mark = { kind: kind[0], apiVersion: kind[1], metadata: { resourceVersion: '5', annotations } }
    response.writeHead(200, { 'content-type': 'application/json' })
    for (const object of under(path)) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    response.write(`${JSON.stringify({ type: 'BOOKMARK', object: mark })}\n`)
  }

  const server: Server = createServer({ key, cert: certificate }, (request, response) => {
    void text(request).then((body) => {
      const { method = '', headers } = request
      const { pathname: path, searchParams } = new URL(request.url ?? '', 'https://api')
      const isWatch = searchParams.get('watch') === 'true'
      const isRefused = !isAllowed(method, path, isWatch)
      if (isWatch && !isRefused) return watch(path, response)
      const isList = /\/(secrets|mutatingwebhookconfigurations)$/.test(path)
      const found = discovered[path] ?? objects.get(path)
      const { code, body: sent } = isRefused
        ? problem(403, `Forbidden: ${method} ${path}`)
        : method !== 'GET'
          ? write(method, path, headers['content-type'] ?? '', body)
          : isList
            ? { code: 200, body: { metadata: { resourceVersion: '5' }, items: under(path) } }
            : found === undefined
              ? problem(404, 'NotFound')
              : { code: 200, body: found }
      response.writeHead(code, { 'content-type': 'application/json' })
      response.end(JSON.stringify(sent))
      return undefined
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const find = (path: string): Stored => {
    const found = objects.get(path)
    if (found === undefined) throw new Error(`there is no ${path}`)
    return found as Stored
  }
  return {
    port: (server.address() as AddressInfo).port,
    ca,
    objects,
    writes,
    find,
    bundle: () =>
      Buffer.from(find(hookPath).webhooks?.[0].clientConfig.caBundle ?? '', 'base64').toString('utf8'),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
