import {
  requireAlone,
  requireSilence,
  policyOf,
  requireMaster,
  requireWritable,
  select,
  type RedisClaim,
} from './redis-rules.mts'
import { asked, foreignDatabase, ownerIn, type Client, logIn } from './redis-login.mts'
import type { Sensitive } from '../base/sensitive.mts'
import { tlsOf } from '../settings/backend-tls.mts'
import type { Settings } from '../settings/settings.mts'
import type { Reporter } from '../base/log.mts'
import type { Writes } from '../base/writes.mts'

export interface RedisReader {
  /**
   * The eviction policy, or undefined when the server forbids CONFIG.
   * @throws KitError exit 3, 6, 7 or 8 when the login fails, exit 6 when the connection is lost
   */
  evictionPolicy(): Promise<string | undefined>
}

export interface Redis extends RedisReader {
  /**
   * Checks that the database is empty or claimed by this module and environment. Changes nothing.
   * @throws KitError exit 3 for a replica, a refused command or a database number the server has not; exit 5 when
   *   another installation uses it, or the channels; exit 6 without an answer; exit 7 for TLS; exit 8 for the
   *   password or the ACL
   */
  tryOut(claim: RedisClaim): Promise<void>
  /**
   * Claims the database and requires that it accepts writes; idempotent.
   * @throws KitError exit 3, 5, 6, 7 or 8 as `tryOut`, before anything is changed; exit 3, 6 or 8 when a write is
   *   refused, exit 5 when another run has claimed it meanwhile; what the gate throws (Writes.make)
   */
  require(claim: RedisClaim): Promise<void>
  /** Ends the connection, if there is one, also one that is being opened. Never throws. */
  close(): Promise<void>
}

/** Key of the claim in a Redis database: written by the kit, read by every later run. */
const ownerKey = 'keybuzz:owner'

export interface RedisOptions extends Reporter {
  /** The cluster's CA hash, part of the claim: two clusters must not share a database. */
  readonly cluster: string
}

/** The Redis server of an environment; the login is made at first use. */
export function createRedis(settings: Settings, writes: Writes, { cluster, warn, ok }: RedisOptions): Redis {
  const [host, port] = [String(settings['REDIS_HOST']), Number(settings['REDIS_PORT'])]
  const where = `Redis ${host}:${port}`
  let client: Client | undefined
  /** One login for all concurrent calls. */
  let opening: Promise<Client> | undefined
  const connect = async (): Promise<Client> => {
    // A proxy closes an idle connection during the wait for a rollout: then log in again.
    if (client?.isReady === true) return client
    opening ??= logIn(host, port, settings['REDIS_PASSWORD'] as Sensitive, tlsOf(settings, 'REDIS'))
    try {
      return (client = await opening)
    } finally {
      opening = undefined
    }
  }

  /** @returns true when the database is already claimed by us */
  async function isOurs(claim: RedisClaim): Promise<boolean> {
    const { database, owner } = claim
    const redis = await connect()
    await requireMaster(redis, where)
    await select(redis, where, database)
    const claimed = await asked(redis.get(ownerKey), where)
    await requireAlone(redis, where, claim, ownerIn, ownerKey)
    if (claimed === claimText(cluster, owner)) return true
    await requireSilence(redis, where, claim)
    if (claimed === null && (await asked(redis.dbSize(), where)) === 0) return false
    throw foreignDatabase(where, database, claimed)
  }

  async function examine(claim: RedisClaim): Promise<boolean> {
    const ours = await isOurs(claim)
    warnOf(await policyOf(await connect(), where))
    return ours
  }

  function warnOf(policy: string | undefined): void {
    if (policy === 'noeviction') return
    if (policy === undefined) {
      const fix = 'allow CONFIG GET, or make sure that it is noeviction'
      return warn(`${where} does not tell its maxmemory-policy`, fix)
    }
    const fix = 'redis-cli CONFIG SET maxmemory-policy noeviction'
    warn(`${where} maxmemory-policy is ${policy}: queued jobs can be evicted`, fix)
  }

  return {
    evictionPolicy: async () => policyOf(await connect(), where),
    tryOut: async (claim) => void (await examine(claim)),
    async require(claim) {
      const what = `Redis database ${claim.database}, claimed by ${claim.owner}`
      if (!(await examine(claim))) {
        await writes.make([{ sign: '+', what }], async () => {
          const redis = await connect()
          await asked(redis.set(ownerKey, claimText(cluster, claim.owner), { condition: 'NX' }), where)
          await isOurs(claim)
        })
      }
      if (writes.planning) return
      await requireWritable(await connect(), where)
      ok(`${where} database ${claim.database}`)
    },
    async close() {
      // A login that failed, also while the run was interrupted, was reported to whoever asked for it.
      await opening?.catch(() => undefined)
      if (client?.isOpen === true) client.destroy()
    },
  }
}

const claimText = (cluster: string, owner: string): string => JSON.stringify({ cluster, owner })
