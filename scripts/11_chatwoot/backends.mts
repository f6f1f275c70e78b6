import type { BackendNeeds } from '../../lib/backends/needs.mts'
import type { Extension } from '../../lib/backends/postgres-extensions.mts'
import { connectionsOf, type Database } from '../../lib/backends/postgres-facts.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'

// What Chatwoot uses outside the cluster.

/** Maximum PostgreSQL connections of each pod: Rails' threads, Sidekiq's concurrency. */
export const pool = { web: 5, worker: 10, job: 5 } as const

/** The backends of Chatwoot: PostgreSQL, Redis, and S3 when it is set. */
export const backends = (settings: ChatwootSettings): BackendNeeds => ({
  postgres: databaseOf(settings),
  redis: {
    database: settings.CHATWOOT_REDIS_DB,
    owner: names.owner(settings.ENV),
    // Fixed in Chatwoot's config/cable.yml: neither a database number nor a setting separates two installations.
    channels: 'chatwoot_production_action_cable*',
  },
  s3: bucketOf(settings),
})

/** The S3 bucket of attachments; undefined without S3. */
export const bucketOf = ({ S3_ENDPOINT, CHATWOOT_S3_BUCKET }: ChatwootSettings): string | undefined =>
  S3_ENDPOINT === undefined ? undefined : CHATWOOT_S3_BUCKET

/** Maximum number of pods. Without S3 it is 1: attachments are on that pod's disk, where no other pod can read them. */
export const mostOf = (settings: ChatwootSettings, part: 'web' | 'worker'): number => {
  if (bucketOf(settings) === undefined) return 1
  return part === 'web' ? settings.CHATWOOT_WEB_MAX : settings.CHATWOOT_WORKERS_MAX
}

const contrib = () => 'postgresql-contrib'
/** PostgreSQL extensions that Chatwoot's schema needs. */
export const extensions: readonly Extension[] = [
  { name: 'pg_stat_statements', packageFor: contrib },
  { name: 'pg_trgm', packageFor: contrib },
  { name: 'pgcrypto', packageFor: contrib },
  { name: 'vector', packageFor: (version) => `postgresql-${version}-pgvector` },
]

/** The database that Chatwoot owns. */
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
