import type { Answers } from './confirm.mts'
import { exitCodes, KitError } from './errors.mts'
import { createHost, type Host } from './host.mts'
import { loginOf } from './login.mts'
import type { Sensitive } from './sensitive.mts'
import type { Server } from './servers-file.mts'
import type { Settings } from './settings.mts'
import { connect, type Connection } from './ssh.mts'
import type { Writes } from './writes.mts'

/** What it takes to enter the machines of an environment. */
export interface Entry {
  readonly env: string
  readonly settings: Settings
  readonly answers: Answers
  readonly writes: Writes
}

/** Enters one machine, as its administrator. @throws KitError exit 2, 6, 7 or 8 */
export async function enter(options: Entry, server: Server): Promise<{ host: Host; connection: Connection }> {
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
