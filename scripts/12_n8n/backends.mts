import type { BackendNeeds } from '../../lib/backends/needs.mts'
import { connectionsOf, type Database } from '../../lib/backends/postgres-facts.mts'
import { names } from './names.mts'
import type { N8nSettings } from './settings.mts'

// What n8n uses outside the cluster.

/** Maximum PostgreSQL connections of each pod: the pool size of its n8n process. */
export const pool = { main: 4, mcp: 2, webhook: 2, worker: 4 } as const

/** The backends of n8n: PostgreSQL and Redis. */
export const backends = (settings: N8nSettings): BackendNeeds => ({
  postgres: databaseOf(settings),
  redis: { database: settings.N8N_REDIS_DB, owner: names.owner(settings.ENV) },
})

/** The database that n8n owns. */
export const databaseOf = (settings: N8nSettings): Database => ({
  name: names.database(settings.ENV),
  owner: names.database(settings.ENV),
  password: settings.N8N_POSTGRES_PASSWORD,
  connections: connectionsOf([
    // Strategy Recreate: the old pod ends before the new one starts.
    { pods: 1, pool: pool.main, surge: 0 },
    { pods: 1, pool: pool.mcp, surge: 0 },
    { pods: settings.N8N_WEBHOOKS_MAX, pool: pool.webhook, surge: 1 },
    { pods: settings.N8N_WORKERS_MAX, pool: pool.worker, surge: 1 },
  ]),
  // n8n's own policy: it supports 17 and newer, keeps 16 compatible, and only logs a warning for older ones.
  supportedFrom: 16,
})
