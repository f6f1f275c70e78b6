import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { logIn, type Connection } from '../../../lib/backends/postgres-login.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import type { Settings } from '../../../lib/settings/settings.mts'
import { freePort } from '../free-port.mts'

// A real PostgreSQL on loopback, in a folder of its own: what a role may do is the server's to say.

/** The newest PostgreSQL of Debian's packages; undefined where there is none. */
export const programs = ['15', '16', '17', '18']
  .map((version) => `/usr/lib/postgresql/${version}/bin`)
  .findLast((folder) => existsSync(join(folder, 'initdb')))

/** Why its tests cannot run here; false where they can. CI has to have it. */
export const withoutPostgres: string | false =
  programs === undefined && process.env['CI'] !== 'true' ? 'needs Debian’s package postgresql' : false

export interface PostgresServer {
  readonly port: number
  /** As the kit gets them. */
  readonly settings: Settings
  /** Runs a statement as superuser. */
  sql<Row extends object>(text: string, database?: string): Promise<Row[]>
  stop(): Promise<void>
}

export const adminPassword = 'a secret password'

/** An application's database, as tests ask for it. */
export const database = {
  name: 'n8n_dev',
  owner: 'n8n_dev',
  password: sensitive('the role’s own password'),
  connections: 3,
  supportedFrom: 10,
}

/**
 * Starts a server.
 * @param tls PEM texts: it then takes sessions with and without TLS
 * @param hba lines of pg_hba.conf in place of "every user by a password"
 */
export async function startPostgres(
  options: { tls?: { key: string; certificate: string }; hba?: string } = {},
): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-postgres-'))
  const data = join(folder, 'data')
  const own = (path: string, text: string): string => {
    writeFileSync(path, text, { mode: 0o600 })
    chown(path)
    return path
  }
  chmodSync(folder, 0o755)
  chown(folder)
  const secret = own(join(folder, 'password'), adminPassword)
  const made = spawnSync(
    ...asPostgres('initdb', '-D', data, '-U', 'admin', `--pwfile=${secret}`, '-A', 'scram-sha-256', '-N'),
  )
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr?.toString()}`)
  if (options.hba !== undefined) own(join(data, 'pg_hba.conf'), `${options.hba}\n`)
  const port = await freePort()
  const tls = options.tls && {
    ssl: 'on',
    ssl_key_file: own(join(folder, 'server.key'), options.tls.key),
    ssl_cert_file: own(join(folder, 'server.crt'), options.tls.certificate),
  }
  const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', ...tls }
  const server = spawn(
    ...asPostgres(
      'postgres',
      '-D',
      data,
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ),
    { stdio: 'ignore' },
  )
  const address = { host: '127.0.0.1', port, user: 'admin', password: sensitive(adminPassword) }
  const enter = (database: string): Promise<Connection> =>
    logIn({ ...address, database, tls: { mode: options.tls ? 'require' : 'off', ca: undefined } })
  const stop = async () => {
    server.kill('SIGQUIT')
    if (server.exitCode === null) await once(server, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; ; tries += 1) {
    try {
      await (await enter('postgres')).end()
      break
    } catch (thrown) {
      if (tries === 100 || server.exitCode !== null) {
        await stop()
        throw thrown
      }
      await pause(100)
    }
  }
  return {
    port,
    settings: {
      ENV: 'dev',
      POSTGRES_HOST: '127.0.0.1',
      POSTGRES_PORT: port,
      POSTGRES_SUPERUSER: 'admin',
      POSTGRES_PASSWORD: address.password,
    },
    async sql<Row extends object>(text: string, database = 'postgres') {
      const connection = await enter(database)
      try {
        return (await connection.query<Row>(text)).rows
      } finally {
        await connection.end()
      }
    },
    stop,
  }
}

const isRoot = process.getuid?.() === 0

/** PostgreSQL refuses to be started by root. */
function asPostgres(program: string, ...words: string[]): [string, string[]] {
  const path = join(programs ?? '', program)
  return isRoot
    ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', path, ...words]]
    : [path, words]
}

function chown(path: string): void {
  if (!isRoot) return
  const { stdout } = spawnSync('id', ['-u', 'postgres'])
  chownSync(path, Number(stdout.toString()), -1)
}
