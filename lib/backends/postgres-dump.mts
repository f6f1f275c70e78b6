import { shown, type Settings } from '../settings/settings.mts'

/** What saving and restoring an application's database takes, beside the database. */
export interface DumpOptions {
  readonly settings: Settings
  /** Name of the database. */
  readonly database: string
  /** File the dump goes to: `n8n.dump`. */
  readonly file: string
  readonly namespace: string
  /** What must be saved with it, in words: keys that open what is in the dump. */
  readonly beside?: readonly string[]
  /** Deployments whose pods must not run meanwhile; `--all` stands for every one of the namespace. */
  readonly stopped: string
  /** How many pods run again afterwards: Deployments separated by spaces, and their number. */
  readonly started: readonly (readonly [deployments: string, replicas: number])[]
}

/**
 * The commands that save a database and bring it back, for people to type: pg_dump's custom format, which pg_restore
 * takes into a database that is there.
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
