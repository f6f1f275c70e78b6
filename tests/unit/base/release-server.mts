import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'

// Stand-ins on loopback: for the server of a release, which answers Range as GitHub's storage does, and for a proxy.

export const sumOf = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex')

/** Answers in place of the server. @returns true when it did */
export type Fault = (request: IncomingMessage, response: ServerResponse, file: Buffer | undefined) => boolean

export interface ReleaseServer {
  /** Address of its folder; ends with a slash. */
  readonly base: URL
  /** By name. */
  readonly files: Map<string, Buffer>
  /** What was asked for: `k3s`, `k3s bytes=10-`. */
  readonly asked: string[]
  fault: Fault | undefined
  close(): void
}

const answer =
  (server: Omit<ReleaseServer, 'base'>): RequestListener =>
  (request, response) => {
    const name = decodeURIComponent(
      new URL(request.url ?? '', 'http://127.0.0.1').pathname.split('/').at(-1) ?? '',
    )
    const { range } = request.headers
    server.asked.push(range === undefined ? name : `${name} ${range}`)
    const file = server.files.get(name)
    if (server.fault?.(request, response, file) === true) return
    if (file === undefined) return void response.writeHead(404).end('Not Found')
    const etag = `"${sumOf(file).slice(0, 16)}"`
    const from = request.headers['if-range'] === etag ? Number(/\d+/.exec(range ?? '')?.[0] ?? 0) : 0
    const headers = { etag, 'content-length': file.length - from }
    if (from === 0) return void response.writeHead(200, headers).end(file)
    const part = { ...headers, 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` }
    return void response.writeHead(206, part).end(file.subarray(from))
  }

/** @param tls key and certificate; without them it speaks plain HTTP */
export async function startRelease(tls?: { key: string; cert: string }): Promise<ReleaseServer> {
  const state = { files: new Map<string, Buffer>(), asked: [] as string[], fault: undefined, close: () => {} }
  const made: ReleaseServer = { ...state, base: new URL('http://127.0.0.1') }
  const listener = answer(made)
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return Object.assign(made, {
    base: new URL(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/v1/`),
    close() {
      server.closeAllConnections()
      server.close()
    },
  })
}

/**
 * Sends the beginning of a file, then ends the connection, or says nothing more. What the reader has not written yet
 * when a connection breaks is lost, so it ends when all of it is on the disk.
 * @param part where the reader writes it
 */
export const cutServer =
  (bytes: number, part: string, ends: boolean): Fault =>
  (request, response, file) => {
    if (file === undefined || file.length <= bytes || request.headers.range !== undefined) return false
    response.writeHead(200, { etag: '"one"', 'content-length': file.length })
    response.write(file.subarray(0, bytes))
    const timer = setInterval(() => {
      if ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) < bytes) return
      clearInterval(timer)
      if (ends) response.destroy()
    }, 10)
    response.on('close', () => clearInterval(timer))
    return true
  }

export interface ProxyServer {
  readonly port: number
  /** What was asked for: `CONNECT release.example.com:443 Basic ...`. */
  readonly asked: string[]
  close(): void
}

/**
 * A proxy that resolves every name to loopback.
 * @param to the port it connects with
 * @param status of its answer: one of 300 and above refuses
 */
export async function startProxy({
  to,
  status = 200,
}: {
  to: number
  status?: number
}): Promise<ProxyServer> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer()
  server.on('connect', ({ url, headers }: IncomingMessage, client: Socket) => {
    asked.push(['CONNECT', url, headers['proxy-authorization']].filter(Boolean).join(' '))
    sockets.add(client)
    if (status >= 300) return void client.end(`HTTP/1.1 ${status} No\r\n\r\n`)
    const behind = connect(to, '127.0.0.1', () => {
      client.write(`HTTP/1.1 ${status} Connection established\r\n\r\n`)
      client.pipe(behind).pipe(client)
    })
    sockets.add(behind)
    for (const socket of [client, behind]) socket.on('error', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
