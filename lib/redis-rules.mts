import { randomUUID } from 'node:crypto'
import { exitCodes, KitError, messageOf } from './errors.mts'
import { asked, explained } from './redis-errors.mts'
import type { Client } from './redis.mts'

// What a Redis must be before an application may use it, one question each.

/** What begins so is written and removed again, to see that the server takes writes. Each run has a key of its own. */
const probePrefix = 'keybuzz:probe:'

/** A proxy may lead to a replica after a failover: PING and AUTH succeed there, writes do not. */
export async function requireMaster(redis: Client, where: string): Promise<void> {
  const [role] = (await asked(redis.sendCommand(['ROLE']), where)) as unknown as [string]
  if (role === 'master') return
  throw new KitError(`${where} is a ${role}: nothing can be written there`, {
    exitCode: exitCodes.preflight,
    hint: 'REDIS_HOST must lead to the master: look at Sentinel and at what HAProxy sends to',
  })
}

/** A master may refuse writes too: memory full, snapshot failed, replicas missing. Leaves nothing behind. */
export async function requireWritable(redis: Client, where: string): Promise<void> {
  const mark = randomUUID()
  const key = `${probePrefix}${mark}`
  await asked(redis.set(key, mark, { expiration: { type: 'EX', value: 10 } }), where)
  const found = await asked(redis.get(key), where)
  await asked(redis.del(key), where)
  if (found === mark) return
  throw new KitError(`${where} does not give back what was written`, {
    exitCode: exitCodes.preflight,
    hint: 'look at what is between here and Redis: REDIS_HOST must lead to one server',
  })
}

/** The eviction policy; undefined when the server does not tell. */
export async function policyOf(redis: Client, where: string): Promise<string | undefined> {
  try {
    return (await redis.configGet('maxmemory-policy'))['maxmemory-policy']
  } catch (cause) {
    const error = explained(cause, where)
    if (error.exitCode === exitCodes.unreachable) throw error
    // Hosted servers forbid CONFIG; that is a warning, not a failure.
    return undefined
  }
}

/** Moves to a numbered database. @throws KitError exit 3 when the server has none of that number */
export async function select(redis: Client, where: string, database: number): Promise<void> {
  try {
    await redis.select(database)
  } catch (cause) {
    if (!/out of range|invalid/i.test(messageOf(cause))) throw explained(cause, where)
    throw new KitError(`${where} has no database ${database}: ${messageOf(cause)}`, {
      exitCode: exitCodes.preflight,
      hint: 'raise `databases` in redis.conf, or choose a smaller number in the module’s settings',
      cause,
    })
  }
}
