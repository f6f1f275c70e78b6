import type { BackendNeeds } from '../../lib/backends/needs.mts'
import { connectionsOf, type Database } from '../../lib/backends/postgres-facts.mts'
import { names } from './names.mts'
import type { LlmSettings } from './settings.mts'

// What LiteLLM uses outside the cluster.

/** Maximum PostgreSQL connections of each pod: LiteLLM's pool, and those of Prisma's migration. */
export const pool = { proxy: 10, job: 5 } as const

/** The backends of LiteLLM: PostgreSQL and Redis. */
export const backends = (settings: LlmSettings): BackendNeeds => ({
  postgres: databaseOf(settings),
  redis: { database: settings.LITELLM_REDIS_DB, owner: names.owner(settings.ENV) },
})

/** The database that LiteLLM owns. */
export const databaseOf = (settings: LlmSettings): Database => ({
  name: names.database(settings.ENV),
  owner: names.database(settings.ENV),
  password: settings.LITELLM_POSTGRES_PASSWORD,
  connections: connectionsOf([
    { pods: settings.LITELLM_REPLICAS_MAX, pool: pool.proxy, surge: 1 },
    { pods: 1, pool: pool.job, surge: 0 },
  ]),
  supportedFrom: 13,
})
