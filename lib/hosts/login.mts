import { exitCodes, KitError } from '../base/errors.mts'
import { fromRoot, readPrivate, shownPath } from '../base/files.mts'
import { sensitive, type Sensitive } from '../base/sensitive.mts'
import type { Server } from './servers.mts'
import type { Settings } from '../settings/settings.mts'
import { type Login, connect, type Connection } from './ssh.mts'
import { trustedKeys } from './known-hosts.mts'
import type { Answers } from '../base/confirm.mts'
import { createHost, type Host } from './host.mts'
import type { Writes } from '../base/writes.mts'

/**
 * The SSH user, address, private key and known host keys for a server.
 * @throws KitError exit 2 when SSH_KEY is no private key, or others may read it or known_hosts
 */
export function loginOf({ env, settings }: { env: string; settings: Settings }, server: Server): Login {
  const target = {
    name: server.hostname,
    address: server.privateAddress,
    port: Number(settings['SSH_PORT']),
    user: server.user ?? String(settings['SSH_USER']),
  }
  const passphrase = settings['SSH_KEY_PASSPHRASE'] as Sensitive | undefined
  return {
    ...target,
    privateKey: readKey(String(settings['SSH_KEY'])),
    passphrase: passphrase?.reveal(),
    keys: trustedKeys(env, target),
  }
}

/** Reads SSH_KEY. @throws KitError exit 2 when there is no such file, it is no private key, or others may read it */
function readKey(setting: string): string {
  const path = fromRoot(setting)
  const text = readPrivate(path)
  if (text?.includes('PRIVATE KEY')) return sensitive(text).reveal()
  throw new KitError(
    text === undefined ? `there is no SSH key ${shownPath(path)}` : `${shownPath(path)} is no private key`,
    {
      exitCode: exitCodes.usage,
      hint: 'set SSH_KEY to the path of the private key that opens your hosts',
    },
  )
}

/** What is needed to connect to the machines of an environment. */
export interface Entry {
  readonly env: string
  readonly settings: Settings
  readonly answers: Answers
  readonly writes: Writes
}

/**
 * Connects to one host as root, directly or by sudo.
 * @throws KitError exit 2 for SSH_KEY, exit 3 for its login shell, exit 6 without an answer, exit 7 for its host key,
 *   exit 8 for a refused login or sudo
 */
export async function connectHost(
  options: Entry,
  server: Server,
): Promise<{ host: Host; connection: Connection }> {
  const login = loginOf(options, server)
  const connection = await connect(login)
  const { hostname: name, privateAddress: address } = server
  const make = (sudo?: { password: Sensitive | undefined }) => ({
    connection,
    host: createHost({ name, address, connection, writes: options.writes, sudo }),
  })
  if (login.user === 'root') return make()
  const free = await connection.run(['sudo', '-n', 'true'])
  if (free.code === 0) return make({ password: undefined })
  const password = options.settings['SUDO_PASSWORD'] as Sensitive | undefined
  const made = make({ password })
  if (password !== undefined && (await made.host.read(['true'])).code === 0) return made
  connection.close()
  throw new KitError(
    `${name}: ${login.user} may not use sudo${password === undefined ? ' without a password' : ''}`,
    {
      exitCode: exitCodes.denied,
      hint:
        password === undefined
          ? 'save SUDO_PASSWORD (it travels on stdin), allow NOPASSWD, or log in as root'
          : `SUDO_PASSWORD is not the password of ${login.user} there, or that account is no sudoer`,
    },
  )
}
