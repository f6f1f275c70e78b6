import type { BackendNeeds } from '../../lib/backends/needs.mts'
import { connectionsOf, type Database } from '../../lib/backends/postgres-facts.mts'
import { names } from './names.mts'
import type { SupersetSettings } from './settings.mts'

// What Superset uses outside the cluster.

/** SQLAlchemy's pool and its overflow, for each process of gunicorn and Celery. */
export const engine = { pool: 5, overflow: 5 } as const

/** Processes of one web pod, and tasks that a worker executes at the same time. */
export const processes = { web: 1, worker: 4 } as const

/** Maximum PostgreSQL connections of each pod. Worker: one for each child, which runs one task, and one more. */
export const pool = {
  web: processes.web * (engine.pool + engine.overflow),
  worker: processes.worker + 1,
  beat: 1,
  job: engine.pool,
} as const

/** The backends of Superset: PostgreSQL and Redis. */
export const backends = (settings: SupersetSettings): BackendNeeds => ({
  postgres: databaseOf(settings),
  redis: { database: settings.SUPERSET_REDIS_DB, owner: names.owner(settings.ENV) },
})

/** The database that Superset owns: dashboards, charts, users, and connections with their encrypted passwords. */
export const databaseOf = (settings: SupersetSettings): Database => ({
  name: names.database(settings.ENV),
  owner: names.database(settings.ENV),
  password: settings.SUPERSET_POSTGRES_PASSWORD,
  connections: connectionsOf([
    { pods: settings.SUPERSET_WEB_MAX, pool: pool.web, surge: 1 },
    { pods: settings.SUPERSET_WORKERS_MAX, pool: pool.worker, surge: 1 },
    // Strategy Recreate: the old pod ends before the new one starts.
    { pods: 1, pool: pool.beat, surge: 0 },
    { pods: 1, pool: pool.job, surge: 0 },
  ]),
  supportedFrom: 10,
})
