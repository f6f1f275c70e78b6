import type { BackendNeeds } from '../../lib/backends/needs.mts'
import type { Extension } from '../../lib/backends/postgres-extensions.mts'
import { connectionsOf, type Database } from '../../lib/backends/postgres-facts.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'

// What Chatwoot uses outside the cluster.

/** PostgreSQL connections each pod may open: Rails' threads, Sidekiq's concurrency. */
export const pool = { web: 5, worker: 10, job: 5 } as const

export const backends = (settings: ChatwootSettings): BackendNeeds => ({
  postgres: databaseOf(settings),
  redis: {
    database: settings.CHATWOOT_REDIS_DB,
    owner: names.owner(settings.ENV),
    // Fixed in Chatwoot's config/cable.yml: no database number and no setting keeps two of them apart.
    channels: 'chatwoot_production_action_cable*',
  },
  s3: bucketOf(settings),
})

/** Attachments go there; undefined without S3. */
export const bucketOf = ({ S3_ENDPOINT, CHATWOOT_S3_BUCKET }: ChatwootSettings): string | undefined =>
  S3_ENDPOINT === undefined ? undefined : CHATWOOT_S3_BUCKET

/** Pods at most. Without S3 the files are in one pod: a second one would not have them. */
export const mostOf = (settings: ChatwootSettings, part: 'web' | 'worker'): number => {
  if (bucketOf(settings) === undefined) return 1
  return part === 'web' ? settings.CHATWOOT_WEB_MAX : settings.CHATWOOT_WORKERS_MAX
}

const contrib = () => 'postgresql-contrib'
export const extensions: readonly Extension[] = [
  { name: 'pg_stat_statements', packageFor: contrib },
  { name: 'pg_trgm', packageFor: contrib },
  { name: 'pgcrypto', packageFor: contrib },
  { name: 'vector', packageFor: (version) => `postgresql-${version}-pgvector` },
]

/** The database it owns. */
export const databaseOf = (settings: ChatwootSettings): Database => ({
  name: names.database(settings.ENV),
  owner: names.database(settings.ENV),
  password: settings.CHATWOOT_POSTGRES_PASSWORD,
  connections: connectionsOf([
    { pods: mostOf(settings, 'web'), pool: pool.web, surge: 1 },
    { pods: mostOf(settings, 'worker'), pool: pool.worker, surge: 1 },
    { pods: 1, pool: pool.job, surge: 0 },
  ]),
  supportedFrom: 15,
  extensions,
})
