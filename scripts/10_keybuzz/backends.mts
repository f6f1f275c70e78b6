import type { BackendNeeds } from '../../lib/backends/needs.mts'
import { connectionsOf, type Database } from '../../lib/backends/postgres-facts.mts'
import { names } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'

// What the API uses outside the cluster.

/** The backends of the API: PostgreSQL, Redis and RabbitMQ. The front has none. */
export const backends = (settings: KeybuzzSettings): BackendNeeds => ({
  postgres: databaseOf(settings),
  redis: { database: settings.API_REDIS_DB, owner: names.owner(settings.ENV) },
  rabbitmq: true,
})

/** The database that the API owns. */
export const databaseOf = (settings: KeybuzzSettings): Database => ({
  name: names.database(settings.ENV),
  owner: names.database(settings.ENV),
  password: settings.API_POSTGRES_PASSWORD,
  connections: connectionsOf([{ pods: settings.API_REPLICAS_MAX, pool: settings.API_POOL, surge: 1 }]),
  supportedFrom: 12,
})
