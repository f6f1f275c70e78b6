import { shown, type Settings } from '../settings/settings.mts'
import type { Database } from './postgres-facts.mts'

/** What the commands to save and restore an application's database depend on. */
export interface DumpOptions {
  readonly settings: Settings
  readonly database: Database
  /** Where the password of the database's owner is saved: `N8N_POSTGRES_PASSWORD in credentials/staging/12_n8n.env`. */
  readonly password: string
  /** Name of the files without their ending: `n8n` for `n8n.dump`. */
  readonly file: string
  readonly namespace: string
  /** Further lines of the backup: what must be saved with the dump, such as encryption keys. */
  readonly beside?: readonly string[]
  /** Deployments to scale to 0 before a restore, separated by spaces; `--all` for every one of the namespace. */
  readonly stopped: string
  /** Replicas after a restore: Deployments separated by spaces, and their number of pods. */
  readonly started: readonly (readonly [deployments: string, replicas: number])[]
}

/**
 * The commands that save and restore a database, for an operator to type: pg_dump's custom format, which pg_restore
 * loads into an existing database. Both log in as the database's owner: constraints and defaults of a dump call
 * functions of the dump, with the rights of the login. (`--role` does not take them away: a function may RESET ROLE.)
 */
export function databaseDump(options: DumpOptions): { backup: string[]; restore: string[] } {
  const { settings, database, password, file, namespace, beside = [], stopped, started } = options
  const { name, owner, extensions = [] } = database
  const login = `--host ${shown(settings['POSTGRES_HOST'])} --port ${shown(settings['POSTGRES_PORT'])} --username ${owner}`
  const asked = `   # password: ${password}`
  const scale = (deployments: string, replicas: number): string =>
    `kubectl --namespace ${namespace} scale deployment ${deployments} --replicas ${replicas}`
  // The superuser created them, so the owner can neither drop them nor set their comment; they are left as they are.
  const left = extensions.map((one) => one.name).join('|')
  const list = `pg_restore --list ${file}.dump | grep -vE ' EXTENSION (- )?(${left}) *$' > ${file}.list`
  const listed = left === '' ? '' : `--use-list ${file}.list `
  return {
    backup: [`pg_dump --format=custom ${login} --file ${file}.dump ${name}${asked}`, ...beside],
    restore: [
      scale(stopped, 0),
      ...(left === '' ? [] : [list]),
      `pg_restore --clean --if-exists --no-owner ${listed}${login} --dbname ${name} ${file}.dump${asked}`,
      ...started.map(([deployments, replicas]) => scale(deployments, replicas)),
    ],
  }
}
