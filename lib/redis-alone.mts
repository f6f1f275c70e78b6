import { exitCodes, KitError } from './errors.mts'
import { asked } from './redis-errors.mts'
import { select } from './redis-rules.mts'
import type { Client, RedisClaim } from './redis.mts'

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
    throw refused(where, claim, `somebody listens on ${heard[0]} already`, ['stop that one first'])
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
