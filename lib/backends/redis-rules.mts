import { randomUUID } from 'node:crypto'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { asked, explained, type Client } from './redis-login.mts'
import { written } from '../base/written.mts'

// What a Redis server must fulfil before an application may use it. In each function, `where` is the server in
// messages, `Redis HOST:PORT`, and a failed command is exit 3, 6 or 8 (redis-login.mts, explained).

/** Prefix of keys that are written and deleted again, to prove that the server accepts writes. One key per run. */
const probePrefix = 'keybuzz:probe:'

/**
 * Requires a master. A proxy may lead to a replica after a failover: PING and AUTH succeed there, writes do not.
 * @throws KitError exit 3 for a replica; exit 3, 6 or 8 when the command fails
 */
export async function requireMaster(redis: Client, where: string): Promise<void> {
  const [role] = (await asked(redis.sendCommand(['ROLE']), where)) as unknown as [string]
  if (role === 'master') return
  throw new KitError(`${where} is a ${role}: nothing can be written there`, {
    exitCode: exitCodes.preflight,
    hint: 'REDIS_HOST must lead to the master: look at Sentinel and at what HAProxy sends to',
  })
}

/**
 * Writes, reads and deletes a key: a master may refuse writes too (memory full, snapshot failed, replicas missing).
 * @throws KitError exit 3 when it refuses them or returns another value; exit 6 or 8 when a command fails
 */
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

/**
 * The eviction policy: `noeviction`; undefined when the server forbids CONFIG.
 * @throws KitError exit 6 without an answer
 */
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

/** Selects a numbered database. @throws KitError exit 3 when the server has none of that number; else see explained */
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

// Applications whose channel names do not contain the database number: two installations on one server would receive
// each other's messages.

/** Another claim of the same module: its database and its owner. */
interface Other {
  readonly database: number
  readonly owner: string
}

/**
 * Requires that no other installation of an application with channels uses this server, in any database.
 * @param ownerIn the owner in a claim's text: `staging/12_n8n`
 * @param ownerKey the key of the claim in each database
 * @throws KitError exit 5 when one does; exit 3, 6 or 8 when a command fails
 */
export async function requireAlone(
  redis: Client,
  where: string,
  claim: RedisClaim,
  ownerIn: (claimed: string) => string | undefined,
  ownerKey: string,
): Promise<void> {
  if (claim.channels === undefined) return
  const other = await findOther(redis, where, claim, ownerIn, ownerKey)
  if (other !== undefined)
    throw refused(where, claim, `database ${other.database} is claimed by ${other.owner}`, [
      `if that one is gone for good: redis-cli -n ${other.database} DEL ${ownerKey}`,
    ])
}

/**
 * Requires that no client is subscribed to an application's channels. Only before a database is claimed for the first
 * time: later the subscribers are the application's own.
 * @throws KitError exit 5 when one is; exit 3, 6 or 8 when the command fails
 */
export async function requireSilence(redis: Client, where: string, claim: RedisClaim): Promise<void> {
  if (claim.channels === undefined) return
  const heard = await asked(redis.pubSubChannels(claim.channels), where)
  if (heard.length > 0)
    throw refused(where, claim, `another client is subscribed to ${heard[0]} already`, [
      'stop that one first',
    ])
}

async function findOther(
  redis: Client,
  where: string,
  { database, owner }: RedisClaim,
  ownerIn: (claimed: string) => string | undefined,
  ownerKey: string,
): Promise<Other | undefined> {
  const keyspace = await asked(redis.info('keyspace'), where)
  const module = moduleIn(owner)
  try {
    for (const [, number = ''] of keyspace.matchAll(/^db(\d+):/gm)) {
      if (Number(number) === database) continue
      await select(redis, where, Number(number))
      const theirs = ownerIn((await asked(redis.get(ownerKey), where)) ?? '')
      if (theirs !== undefined && moduleIn(theirs) === module)
        return { database: Number(number), owner: theirs }
    }
    return undefined
  } finally {
    await select(redis, where, database)
  }
}

/** `11_chatwoot` of `staging/11_chatwoot`. */
const moduleIn = (owner: string): string => owner.slice(owner.indexOf('/') + 1)

const refused = (
  where: string,
  { channels = '', owner }: RedisClaim,
  why: string,
  ways: readonly string[],
): KitError =>
  new KitError(`${where} serves another installation of ${moduleIn(owner)} already`, {
    exitCode: exitCodes.conflict,
    details: [
      why,
      `Both would send on ${channels}, which no database number keeps apart: each would show the other’s messages.`,
      written(),
    ],
    hint: ['give this environment a Redis server of its own (REDIS_HOST)', ...ways].join('; '),
  })

/** A numbered Redis database that belongs to one module of one environment. */
export interface RedisClaim {
  readonly database: number
  /** `staging/12_n8n` */
  readonly owner: string
  /** PUBSUB pattern of channels without database number: only one installation per server is possible then. */
  readonly channels?: string
}
