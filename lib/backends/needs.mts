import type { Backends } from './backends.mts'
import type { Database } from './postgres-facts.mts'
import type { RedisClaim } from './redis-rules.mts'

/** What an application uses outside the cluster. What it does not name is not asked. */
export interface BackendNeeds {
  /** The database it owns. */
  readonly postgres?: Database | undefined
  /** The Redis database it claims. */
  readonly redis?: RedisClaim | undefined
  /** Whether it uses RabbitMQ, with the account of the settings. */
  readonly rabbitmq?: boolean
  /** Its S3 bucket. */
  readonly s3?: string | undefined
}

/**
 * Logs in everywhere and asks whether everything could be made so. Changes nothing.
 * @throws KitError exit 2, 3, 5, 6, 7 or 8: of the first backend that refuses, in the order of BackendNeeds
 */
export async function tryBackends(
  { postgres, redis, rabbitmq = false, s3 }: BackendNeeds,
  backends: Backends,
): Promise<void> {
  await firstRefusal([
    ...(postgres === undefined ? [] : [backends.postgres.tryOut(postgres)]),
    ...(redis === undefined ? [] : [backends.redis.tryOut(redis)]),
    ...(rabbitmq ? [backends.rabbitmq.tryOut()] : []),
    ...(s3 === undefined ? [] : [backends.s3.tryOut(s3)]),
  ])
}

/**
 * Makes every backend usable: all are asked before the first is written to.
 * @throws KitError exit 2, 3, 5, 6, 7 or 8 as tryBackends
 */
export async function requireBackends(needs: BackendNeeds, backends: Backends): Promise<void> {
  const { postgres, redis, rabbitmq = false, s3 } = needs
  await tryBackends(needs, backends)
  if (rabbitmq) await backends.rabbitmq.require()
  if (s3 !== undefined) await backends.s3.require(s3)
  if (redis !== undefined) await backends.redis.require(redis)
  if (postgres !== undefined) await backends.postgres.ensureDatabase(postgres)
}

/** Waits for all, so that none goes on behind the error of another. */
async function firstRefusal(asking: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(asking))
    if (outcome.status === 'rejected') throw outcome.reason
}
