import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { exitCodes, hasCode, KitError, messageOf } from '../base/errors.mts'
import { codeOf, isUntrusted } from '../base/network-errors.mts'
import { tlsBackends, type BackendTls, type TlsBackend } from '../settings/backend-tls.mts'

// TLS to the backends, for the kit's own logins: off, require and verify mean the same for each of them.

/** Node's options for a TLS mode; undefined without TLS. */
export const tlsOptions = ({ mode, ca }: BackendTls): ConnectionOptions | undefined =>
  mode === 'off' ? undefined : { rejectUnauthorized: mode === 'verify', ...(ca === undefined ? {} : { ca }) }

/** The server of a login, and its TLS mode. */
export interface TlsTarget {
  readonly backend: TlsBackend
  readonly host: string
  readonly port: number
  readonly tls: BackendTls
}

/**
 * Opens a connection, with TLS unless its mode is off.
 * @param timeoutMs milliseconds for the connection, and again for the handshake
 * @throws KitError exit 7 when the server does not support TLS or its certificate is not trusted; else Node's error, or
 *   Error without a connection within `timeoutMs`
 */
export async function openSocket(target: TlsTarget, timeoutMs: number): Promise<Socket> {
  const { host, port, tls } = target
  const plain = connectTcp({ host, port })
  const options = tlsOptions(tls)
  try {
    await settled(plain, 'connect', timeoutMs)
    if (options === undefined) return plain
    const name = isIP(host) === 0 ? { servername: host } : {}
    const secure = connectTls({ socket: plain, host, ...name, ...options })
    await settled(secure, 'secureConnect', timeoutMs).catch((cause: unknown) => {
      secure.destroy()
      throw tlsFailure(cause, target) ?? speaksNoTls(cause, target)
    })
    return secure
  } catch (thrown) {
    plain.destroy()
    throw thrown
  }
}

/** Waits for an event of a socket. @throws the error that ended it before, or Error after `timeoutMs` */
function settled(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
    // The listener stays: an error event without a listener ends the process.
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the server hung up')))
    socket.once(event, () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

const where = ({ backend, host, port }: TlsTarget): string => `${tlsBackends[backend]} ${host}:${port}`

/** Exit 7 for a certificate that is not trusted or is for another name; undefined for any other error. */
export function tlsFailure(cause: unknown, target: TlsTarget): KitError | undefined {
  if (!isUntrusted(cause)) return undefined
  const code = codeOf(cause)
  const { backend, host, port } = target
  const isName = code === 'ERR_TLS_CERT_ALTNAME_INVALID'
  const what = isName ? `shows a certificate that is not for ${host}` : 'is not proven by its CA'
  return new KitError(`${where(target)} ${what}: ${messageOf(cause)}`, {
    exitCode: exitCodes.trust,
    details: ['No password was sent to it.'],
    hint: isName
      ? `set ${backend}_HOST to a name in its certificate, or give the server one for ${host}`
      : `lay the CA that signed it at platform.${backend.toLowerCase()}.ca; what the server shows: ${shownBy(backend, host, port)}`,
    cause,
  })
}

const shownBy = (backend: TlsBackend, host: string, port: number): string =>
  `openssl s_client -connect ${host}:${port}${backend === 'POSTGRES' ? ' -starttls postgres' : ''} -showcerts </dev/null`

/** Exit 7: the server accepts connections, but does not answer a TLS handshake. */
export function speaksNoTls(cause: unknown, target: TlsTarget): KitError {
  const { backend, tls } = target
  return new KitError(`${where(target)} does not speak TLS: ${messageOf(cause)}`, {
    exitCode: exitCodes.trust,
    details: [`${backend}_TLS is ${tls.mode}: no password was sent to it.`],
    hint: `${cures[backend]}; or set ${backend}_TLS to off, which sends passwords in clear`,
    cause,
  })
}

const cures: Readonly<Record<TlsBackend, string>> = {
  POSTGRES: 'switch TLS on there (ssl, ssl_cert_file and ssl_key_file in postgresql.conf)',
  REDIS: 'set REDIS_PORT to its TLS port (tls-port, tls-cert-file and tls-key-file in redis.conf)',
  RABBITMQ:
    'set RABBITMQ_PORT to its TLS port (listeners.ssl and ssl_options in rabbitmq.conf, usually 5671)',
}

/** A hint for a server that closes the connection when the settings have TLS off: it may require TLS. */
export const mayWantTls = (backend: TlsBackend): string =>
  `if this port takes TLS only: set ${backend}_TLS to verify and lay its CA at platform.${backend.toLowerCase()}.ca`

/** True when the server closed the connection without an error message. */
export const isHangUp = (cause: unknown): boolean =>
  hasCode(cause, 'ECONNRESET', 'EPIPE') ||
  /hung up|closed unexpectedly|Connection terminated/i.test(messageOf(cause))
