import { existsSync, readFileSync } from 'node:fs'
import {
  createServer,
  request as send,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { join } from 'node:path'
import { host, machine } from './lay.mts'

// A stand-in for the ingress controller: serves the rules of the module's own Ingress, to the pods of a Service in turn.
// `ingress-fault` in the machine's folder spoils it: untrusting, two-protos, collect.

/** One path of an Ingress, and where it leads. */
export interface Rule {
  readonly host: string
  readonly path: string
  readonly targets: readonly string[]
}

let turn = 0

function faultOf(): string {
  const file = join(machine, 'ingress-fault')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
}

function serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const rules = JSON.parse(readFileSync(join(machine, 'routes.json'), 'utf8')) as Rule[]
  const url = incoming.url ?? '/'
  const path = url.split('?')[0] ?? '/'
  const rule = rules.find(
    (one) =>
      one.host === incoming.headers.host &&
      (one.path === '/' || path === one.path || path.startsWith(`${one.path}/`)),
  )
  const target = rule?.targets[(turn += 1) % rule.targets.length]
  if (target === undefined) {
    outgoing.writeHead(404, { 'content-type': 'text/plain' })
    return void outgoing.end('404 page not found\n')
  }
  const fault = faultOf()
  const headers: IncomingHttpHeaders = {
    ...incoming.headers,
    'x-forwarded-for': '192.0.2.7, 192.0.2.8',
  }
  if (fault === 'untrusting') headers['x-forwarded-proto'] = 'http'
  if (fault === 'two-protos') headers['x-forwarded-proto'] = 'https,http'
  const [address, port] = target.split(':')
  const options = { host: address, port, path: url, method: incoming.method, headers, agent: false }
  const asked = send(options, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    if (fault === 'collect')
      void answer.toArray().then((pieces) => outgoing.end(Buffer.concat(pieces as Buffer[])))
    else answer.pipe(outgoing)
  })
  asked.on('error', ({ message }) => {
    if (!outgoing.headersSent) outgoing.writeHead(502, { 'content-type': 'text/plain' })
    outgoing.end(message)
  })
  incoming.pipe(asked)
}

createServer(serve).listen(80, host)
