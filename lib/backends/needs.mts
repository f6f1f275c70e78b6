import { KitError } from '../base/errors.mts'
import { interruption } from '../base/signals.mts'
import type { Backends } from './backends.mts'
import type { Database } from './postgres-facts.mts'
import type { RedisClaim } from './redis-rules.mts'

/** What an application uses outside the cluster. A backend that is not named is not contacted. */
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
 * Logs in to every backend and checks that it could be used. Changes nothing.
 * @throws KitError of the first backend that refuses, in the order of BackendNeeds: exit 3 when it lacks something, is
 *   a replica or refuses a command, exit 5 when another installation or role owns or may change a database, exit 6
 *   without an answer, exit 7 for TLS, exit 8 for a refused login or a missing right, exit 9 when PostgreSQL refuses a
 *   query
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
 * Makes every backend usable: all are checked before the first is written to.
 * @param fromNodes tests at the same time whether pods can connect to them; an error of tryBackends is thrown first
 * @throws KitError exit 3, 5, 6, 7, 8 or 9, see tryBackends, Redis.require and Postgres.ensureDatabase; what
 *   `fromNodes` throws; what the gate throws (Writes.make)
 */
export async function requireBackends(
  needs: BackendNeeds,
  backends: Backends,
  fromNodes: () => Promise<void>,
): Promise<void> {
  const { postgres, redis, rabbitmq = false, s3 } = needs
  await firstRefusal([tryBackends(needs, backends), fromNodes()])
  if (rabbitmq) await backends.rabbitmq.require()
  if (s3 !== undefined) await backends.s3.require(s3)
  if (redis !== undefined) await backends.redis.require(redis)
  if (postgres !== undefined) await backends.postgres.ensureDatabase(postgres)
}

/**
 * Logs in to each backend and sends one read, and returns the errors of those that refuse this module, do not answer or
 * lack its database.
 * Changes nothing, and checks nothing else.
 * @throws an error that is not a KitError; exit 130 or 143 on a signal
 */
export async function failingBackends(
  { postgres, redis, rabbitmq = false, s3 }: BackendNeeds,
  backends: Pick<Backends, 'postgres' | 'redis' | 'rabbitmq' | 's3'>,
): Promise<KitError[]> {
  const asked = await Promise.allSettled([
    ...(postgres === undefined ? [] : [backends.postgres.requireThere(postgres)]),
    ...(redis === undefined ? [] : [backends.redis.evictionPolicy()]),
    ...(rabbitmq ? [backends.rabbitmq.tryOut()] : []),
    ...(s3 === undefined ? [] : [backends.s3.tryOut(s3)]),
  ])
  interruption.throwIfAsked()
  return asked.flatMap((one) => {
    if (one.status === 'fulfilled') return []
    if (one.reason instanceof KitError) return [one.reason]
    throw one.reason
  })
}

/** Waits for all, so that none continues after the error of another. @throws the error of the first in their order */
async function firstRefusal(asking: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(asking)
  interruption.throwIfAsked()
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
