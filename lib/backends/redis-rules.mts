import { randomUUID } from 'node:crypto'
import { exitCodes, KitError, messageOf } from '../base/errors.mts'
import { asked, explained, type Client } from './redis-login.mts'

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

// Applications whose channels do not carry their database's number: two of them on one server hear each other.

/** Where another claim of the same module is, and whose. */
interface Other {
  readonly database: number
  readonly owner: string
}

/**
 * @throws KitError exit 5 when another installation of the same application uses this server, whatever its database
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
 * Asked before a database is claimed for the first time: later the listeners are our own.
 * @throws KitError exit 5 when somebody listens whom the kit did not install
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
    exitCode: exitCodes.worldMoved,
    details: [
      why,
      `Both would send on ${channels}, which no database number keeps apart: each would show the other’s messages.`,
      'Nothing was written.',
    ],
    hint: ['give this environment a Redis server of its own (REDIS_HOST)', ...ways].join('; '),
  })

/** A numbered Redis database one module of one environment has for itself. */
export interface RedisClaim {
  readonly database: number
  /** `staging/12_n8n` */
  readonly owner: string
  /** Channels the application sends on whatever its database: one installation of it a server. A pattern of PUBSUB. */
  readonly channels?: string
}
