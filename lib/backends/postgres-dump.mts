import { shown, type Settings } from '../settings/settings.mts'

/** What the commands to save and restore an application's database depend on. */
export interface DumpOptions {
  readonly settings: Settings
  /** Name of the database. */
  readonly database: string
  /** File the dump goes to: `n8n.dump`. */
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
 * loads into an existing database.
 */
export function databaseDump(options: DumpOptions): { backup: string[]; restore: string[] } {
  const { settings, database, file, namespace, beside = [], stopped, started } = options
  const server = `--host ${shown(settings['POSTGRES_HOST'])} --port ${shown(settings['POSTGRES_PORT'])} --username ${shown(settings['POSTGRES_SUPERUSER'])}`
  const scale = (deployments: string, replicas: number): string =>
    `kubectl --namespace ${namespace} scale deployment ${deployments} --replicas ${replicas}`
  return {
    backup: [`pg_dump --format=custom ${server} --file ${file} ${database}`, ...beside],
    restore: [
      scale(stopped, 0),
      `pg_restore --clean --if-exists ${server} --dbname ${database} ${file}`,
      ...started.map(([deployments, replicas]) => scale(deployments, replicas)),
    ],
  }
}
