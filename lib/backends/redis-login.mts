import { isIP } from 'node:net'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import type { BackendTls } from '../settings/backend-tls.mts'
import { isHangUp, mayWantTls, openSocket, tlsOptions, type TlsTarget } from './tls.mts'
import { createClient } from '@redis/client'
import { fields, optional, text } from '../base/shape.mts'
import type { Sensitive } from '../base/sensitive.mts'
import { written } from '../base/written.mts'

/**
 * The KitError for a Redis error, by its prefix: exit 8 for password or ACL, exit 3 for any other refused command,
 * exit 6 when there was no answer.
 * @param where the server, in messages: `Redis HOST:PORT`
 */
export function explained(cause: unknown, where: string, tls?: BackendTls): KitError {
  const said = messageOf(cause)
  if (/WRONGPASS|NOAUTH|invalid password|without any password/i.test(said)) {
    return new KitError(`${where} refuses the password`, {
      exitCode: exitCodes.denied,
      hint: 'correct REDIS_PASSWORD in platform.env',
      cause,
    })
  }
  if (said.includes('NOPERM')) {
    return new KitError(`${where} does not allow this user a command: ${said}`, {
      exitCode: exitCodes.denied,
      hint: 'give the user all commands on its keys in the server’s ACL',
      cause,
    })
  }
  // An answer of the server begins with a word in capitals: OOM, MISCONF, READONLY, ERR.
  if (/^[A-Z]{3,} /.test(said)) {
    return new KitError(`${where} refuses a command: ${said}`, {
      exitCode: exitCodes.preflight,
      hint: 'look at the server’s memory, disk and replicas: redis-cli INFO, and its log',
      cause,
    })
  }
  return new KitError(`${where} cannot be reached: ${said || 'no answer'}`, {
    exitCode: exitCodes.unreachable,
    hint: [
      'check REDIS_HOST and REDIS_PORT, that the server runs, and the firewall in between',
      ...(tls?.mode === 'off' && isHangUp(cause) ? [mayWantTls('REDIS')] : []),
    ].join('; '),
    cause,
  })
}

/** Waits for the answer to a command. @throws KitError exit 3, 6 or 8, see explained */
export async function asked<T>(answer: Promise<T>, where: string): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw explained(cause, where)
  }
}

/** Exit 5: another installation or application owns the database. @param claimed its claim; null when it has none */
export function foreignDatabase(where: string, database: number, claimed: string | null): KitError {
  const who =
    claimed === null
      ? 'it holds keys that no installation of the kit claims'
      : `it is claimed by ${shownOwner(claimed)}`
  return new KitError(`${where} database ${database} belongs to another: ${who}`, {
    exitCode: exitCodes.conflict,
    details: [written()],
    hint: 'choose another database number in the module’s settings; each application and environment needs its own',
  })
}

function shownOwner(claimed: string): string {
  const { owner, cluster } = claimIn(claimed)
  return owner === undefined
    ? 'an unknown owner'
    : `${owner} of cluster ${cluster?.slice(0, 12) ?? 'unknown'}`
}

/** `staging/12_n8n` in a claim the kit wrote; undefined for any other text. */
export const ownerIn = (claimed: string): string | undefined => claimIn(claimed).owner

const claim = fields({ owner: optional(text), cluster: optional(text) })

/** Any other text under the claim's key is not a claim of the kit: the database is then foreign. */
function claimIn(claimed: string): ReturnType<typeof claim> {
  try {
    return claim(JSON.parse(claimed), '')
  } catch {
    return {}
  }
}

export type Client = ReturnType<typeof createClient>

/** Milliseconds a connection, and the TLS handshake on it, may take. */
const connectTimeoutMs = 5000

/**
 * Opens an authenticated connection.
 * @throws KitError exit 6 when the server does not answer; exit 7 when it does not support TLS, or its certificate is
 *   not trusted; exit 8 when it refuses the password; exit 3 when it refuses commands now (LOADING, MASTERDOWN)
 */
export async function logIn(
  host: string,
  port: number,
  password: Sensitive,
  tls: BackendTls,
): Promise<Client> {
  const where = `Redis ${host}:${port}`
  const options = tlsOptions(tls)
  if (options !== undefined) await proveTls({ backend: 'REDIS', host, port, tls }, where)
  const redis: Client = createClient({
    socket: {
      host,
      port,
      connectTimeout: connectTimeoutMs,
      socketTimeout: 10_000,
      reconnectStrategy: false,
      ...(options !== undefined && { tls: true, ...(isIP(host) === 0 && { servername: host }), ...options }),
    },
    password: password.reveal(),
    name: 'keybuzz-installer',
  })
  // Without a listener a lost connection would end the process; the next command reports it.
  redis.on('error', () => {})
  try {
    await redis.connect()
    await redis.ping()
    return redis
  } catch (cause) {
    if (redis.isOpen) redis.destroy()
    throw explained(cause, where, tls)
  }
}

/** A Redis without TLS may wait forever for the rest of a TLS handshake: tested first, on a separate connection. */
async function proveTls(target: TlsTarget, where: string): Promise<void> {
  try {
    const socket = await openSocket(target, connectTimeoutMs)
    socket.destroy()
  } catch (thrown) {
    throw thrown instanceof KitError ? thrown : explained(thrown, where)
  }
}
