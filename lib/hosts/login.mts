import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import { fromRoot } from '../base/home.mts'
import type { Sensitive } from '../base/sensitive.mts'
import type { Server } from './servers.mts'
import type { Settings } from '../settings/settings.mts'
import { connect, type Connection } from './ssh.mts'
import type { Login } from './ssh-dial.mts'
import type { Attempt } from './dialing.mts'
import { trustedKeys } from './known-hosts.mts'
import type { Answers } from '../base/confirm.mts'
import { createHost, type Host } from './host.mts'
import type { Writes } from '../base/writes.mts'

/**
 * The SSH user, address, private key and known host keys for a server.
 * @throws KitError exit 2 when others may write known_hosts, or it cannot be read
 */
export function loginOf(
  { env, settings, privateKey }: Pick<Entry, 'env' | 'settings' | 'privateKey'>,
  server: Server,
): Login {
  const target = {
    name: server.hostname,
    address: server.privateAddress,
    port: Number(settings['SSH_PORT']),
    user: server.user ?? String(settings['SSH_USER']),
  }
  const keyFile = shownPath(fromRoot(String(settings['SSH_KEY'])))
  return { ...target, privateKey, keyFile, keys: trustedKeys(env, target) }
}

/** What is needed to connect to the machines of an environment. */
export interface Entry {
  readonly env: string
  readonly settings: Settings
  readonly answers: Answers
  readonly writes: Writes
  /** From readSshKey: one key for the logins to all hosts. */
  readonly privateKey: string
}

/**
 * Connects to one host as root, directly or by sudo.
 * @param attempt when other hosts are connected meanwhile
 * @throws KitError exit 2 for known_hosts or the private key, exit 3 for its login shell or MaxSessions, exit 6 without
 *   an answer, exit 7 for its host key, exit 8 for a refused login or sudo, exit 9 for too much output, exit 130 or 143
 *   on a signal
 */
export async function connectHost(
  options: Entry,
  server: Server,
  attempt?: Attempt,
): Promise<{ host: Host; connection: Connection }> {
  const login = loginOf(options, server)
  const connection = await connect(login, attempt)
  try {
    return await becomeRoot(connection, login, options)
  } catch (thrown) {
    // An open connection would keep the process running after its error was printed.
    connection.close()
    throw thrown
  }
}

/**
 * The host of a connection, as root, directly or by sudo.
 * @throws KitError exit 8 for a refused sudo; exit 3, 6, 9, 130 or 143, see Host.read
 */
async function becomeRoot(
  connection: Connection,
  { name, address, user }: Pick<Login, 'name' | 'address' | 'user'>,
  options: Pick<Entry, 'settings' | 'writes'>,
): Promise<{ host: Host; connection: Connection }> {
  const make = (sudo?: { password: Sensitive | undefined }) => ({
    connection,
    host: createHost({ name, address, connection, writes: options.writes, sudo }),
  })
  if (user === 'root') return make()
  const free = await connection.run(['sudo', '-n', 'true'])
  if (free.code === 0) return make({ password: undefined })
  const password = options.settings['SUDO_PASSWORD'] as Sensitive | undefined
  const made = make({ password })
  if (password !== undefined && (await made.host.read(['true'])).code === 0) return made
  throw new KitError(
    `${name}: ${user} may not use sudo${password === undefined ? ' without a password' : ''}`,
    {
      exitCode: exitCodes.denied,
      hint:
        password === undefined
          ? 'save SUDO_PASSWORD (it travels on stdin), allow NOPASSWD, or log in as root'
          : `SUDO_PASSWORD is not the password of ${user} there, or that account is no sudoer`,
    },
  )
}
