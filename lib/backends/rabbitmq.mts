import type { Sensitive } from '../base/sensitive.mts'
import type { Settings } from '../settings/settings.mts'
import type { Reporter } from '../base/log.mts'
import type { Writes } from '../base/writes.mts'
import type { Socket } from 'node:net'
import { tlsOf, type BackendTls } from '../settings/backend-tls.mts'
import { isHangUp, mayWantTls, openSocket } from './tls.mts'
import {
  close,
  methods,
  open,
  protocolHeader,
  readMethod,
  refusalIn,
  startOk,
  tuneOk,
  type Method,
} from './amqp.mts'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'

/** The RabbitMQ server of an environment. The kit only logs in: applications declare their own queues. */
export interface Rabbitmq {
  /** Logs in and opens the virtual host. Changes nothing. @throws KitError exit 3, 6, 7 or 8, see logIn */
  tryOut(): Promise<void>
  /** As `tryOut`, and reports the result. @throws KitError exit 3, 6, 7 or 8, see logIn */
  require(): Promise<void>
}

/** The RabbitMQ server of an environment; each call opens a connection of its own. */
export function createRabbitmq(settings: Settings, writes: Writes, reporter: Reporter): Rabbitmq {
  const login: Login = {
    host: String(settings['RABBITMQ_HOST']),
    port: Number(settings['RABBITMQ_PORT']),
    user: String(settings['RABBITMQ_USER']),
    password: settings['RABBITMQ_PASSWORD'] as Sensitive,
    vhost: String(settings['RABBITMQ_VHOST']),
    tls: tlsOf(settings, 'RABBITMQ'),
  }
  return {
    tryOut: () => logIn(login),
    async require() {
      await logIn(login)
      const { host, port, user, vhost } = login
      if (!writes.planning) reporter.ok(`RabbitMQ ${host}:${port} virtual host ${vhost}, user ${user}`)
    },
  }
}

/** Milliseconds for the connection, and again for the login. */
const timeoutMilliseconds = 8000

export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: Sensitive
  readonly vhost: string
  readonly tls: BackendTls
}

/**
 * The handshake of AMQP 0-9-1, up to the open virtual host.
 * @throws KitError exit 6 without an answer within 8 s, exit 7 for TLS, exit 8 when user, password or virtual host is
 *   refused, exit 3 when the server ends the login for another reason
 */
export async function logIn(login: Login): Promise<void> {
  const where = `RabbitMQ ${login.host}:${login.port}`
  let socket: Socket | undefined
  let timer: NodeJS.Timeout | undefined
  let refusal: Method | undefined
  try {
    socket = await openSocket({ backend: 'RABBITMQ', ...login }, timeoutMilliseconds)
    timer = setTimeout(
      () => socket?.destroy(new Error(`no answer within ${timeoutMilliseconds / 1000} s`)),
      timeoutMilliseconds,
    )
    socket.write(protocolHeader)
    for await (const method of methodsOf(socket)) {
      const answer = answerTo(method, login)
      if (answer !== undefined) socket.write(answer)
      if (method.name === methods.close) refusal = method
      if (method.name === methods.close || method.name === methods.openOk) break
    }
    if (refusal !== undefined) throw refused(where, login, refusal)
  } catch (cause) {
    if (cause instanceof KitError) throw cause
    throw new KitError(`${where} cannot be reached: ${messageOf(cause)}`, {
      exitCode: exitCodes.unreachable,
      hint: [
        'check RABBITMQ_HOST and RABBITMQ_PORT, that the server runs, and the firewall in between',
        ...(login.tls.mode === 'off' && isHangUp(cause) ? [mayWantTls('RABBITMQ')] : []),
      ].join('; '),
      cause,
    })
  } finally {
    clearTimeout(timer)
    socket?.destroy()
  }
}

function answerTo(method: Method, { user, password, vhost }: Login): Buffer | undefined {
  if (method.name === methods.start) return startOk(user, password.reveal())
  if (method.name === methods.tune) return Buffer.concat([tuneOk(method), open(vhost)])
  return method.name === methods.openOk ? close() : undefined
}

/** The server's methods in order. @throws Error when the connection closes before the virtual host is open */
async function* methodsOf(socket: Socket): AsyncGenerator<Method> {
  let bytes = Buffer.alloc(0)
  for await (const piece of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, piece])
    for (let found = readMethod(bytes); found !== undefined; found = readMethod(bytes)) {
      bytes = bytes.subarray(found.length)
      yield found.method
    }
  }
  throw new Error('it hung up during the login')
}

/** Reply codes of AMQP 0-9-1: 403 access-refused, 530 not-allowed. */
function refused(where: string, { user, vhost }: Login, method: Method): KitError {
  const { code, text } = refusalIn(method)
  if (code === 403 && /login/i.test(text)) {
    return new KitError(`${where} refuses the password of ${user}`, {
      exitCode: exitCodes.denied,
      hint: 'correct RABBITMQ_USER or RABBITMQ_PASSWORD in platform.env',
    })
  }
  if (code === 403 || code === 530) {
    return new KitError(`${where} does not let ${user} into the virtual host ${vhost}: ${text}`, {
      exitCode: exitCodes.denied,
      hint: `rabbitmqctl add_vhost ${vhost}; rabbitmqctl set_permissions -p ${vhost} ${user} '.*' '.*' '.*'`,
    })
  }
  return new KitError(`${where} ends the login: ${code} ${text}`, {
    exitCode: exitCodes.preflight,
    hint: 'look at the server’s log',
  })
}
