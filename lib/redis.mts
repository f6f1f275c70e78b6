import { createClient } from 'redis'
import { exitCodes, KitError, messageOf } from './errors.mts'
import type { Sensitive } from './sensitive.mts'
import type { Settings } from './settings.mts'
import type { Voice } from './voice.mts'
import type { Writes } from './writes.mts'

/** A numbered Redis database one module of one environment has for itself. */
export interface RedisClaim {
  readonly database: number
  /** `staging/12_n8n` */
  readonly owner: string
}

export interface RedisReader {
  /** The eviction policy, or undefined when the server does not tell. */
  evictionPolicy(): Promise<string | undefined>
}

export interface Redis extends RedisReader {
  /** Logs in and looks whether the database is free or ours. Changes nothing. @throws KitError saying why not */
  tryOut(claim: RedisClaim): Promise<void>
  /** Makes sure that the database is usable and claimed for us. @throws KitError before anything is touched */
  require(claim: RedisClaim): Promise<void>
  close(): Promise<void>
}

type Client = ReturnType<typeof createClient>

/** Who a Redis database belongs to; written by the kit, read by every later run. */
const ownerKey = 'keybuzz:owner'

export interface RedisOptions extends Voice {
  /** Which cluster claims: two clusters must not share a database. */
  readonly cluster: string
}

/** The Redis server of an environment, logged in at first use. */
export function createRedis(
  settings: Settings,
  writes: Writes,
  { cluster, warn, said }: RedisOptions,
): Redis {
  const host = String(settings['REDIS_HOST'])
  const port = Number(settings['REDIS_PORT'])
  const where = `Redis ${host}:${port}`
  let client: Promise<Client> | undefined
  const connect = () => (client ??= logIn(host, port, settings['REDIS_PASSWORD'] as Sensitive, where))

  /** @returns true when the database is already claimed by us */
  async function examine({ database, owner }: RedisClaim): Promise<boolean> {
    const redis = await connect()
    await requireMaster(redis, where)
    const policy = await policyOf(redis)
    if (policy === undefined)
      warn(
        `${where} does not tell its maxmemory-policy`,
        'allow CONFIG GET, or make sure that it is noeviction',
      )
    else if (policy !== 'noeviction') {
      warn(
        `${where} maxmemory-policy is ${policy}: queued jobs can be evicted`,
        'redis-cli CONFIG SET maxmemory-policy noeviction',
      )
    }
    await select(redis, where, database)
    const [claimed, keys] = [await redis.get(ownerKey), await redis.dbSize()]
    if (claimed === claimText(cluster, owner)) return true
    if (claimed === null && keys === 0) return false
    throw foreignDatabase(where, database, claimed)
  }

  return {
    evictionPolicy: async () => policyOf(await connect()),
    tryOut: async (claim) => void (await examine(claim)),
    async require(claim) {
      const ours = await examine(claim)
      if (!ours) {
        await writes.make(
          [{ sign: '+', what: `Redis database ${claim.database}, claimed by ${claim.owner}` }],
          async () => {
            await (await connect()).set(ownerKey, claimText(cluster, claim.owner), { condition: 'NX' })
            await examine(claim)
          },
        )
      }
      if (!writes.planning) said(`${where} database ${claim.database}`)
    },
    async close() {
      const redis = await client?.catch(() => undefined)
      if (redis?.isOpen) redis.destroy()
    },
  }
}

const claimText = (cluster: string, owner: string): string => JSON.stringify({ cluster, owner })

async function logIn(host: string, port: number, password: Sensitive, where: string): Promise<Client> {
  const redis: Client = createClient({
    socket: { host, port, connectTimeout: 8000, reconnectStrategy: false },
    password: password.reveal(),
    name: 'keybuzz-installer',
  })
  // Without a listener a lost connection would end the process; the next command reports it.
  redis.on('error', () => {})
  try {
    await redis.connect()
    await redis.ping()
    return redis
  } catch (cause) {
    if (redis.isOpen) redis.destroy()
    throw explained(cause, where)
  }
}

/** What Redis refuses, told apart (Redis' own error prefixes). */
function explained(cause: unknown, where: string): KitError {
  const said = messageOf(cause)
  if (/WRONGPASS|NOAUTH|invalid password|without any password/i.test(said)) {
    return new KitError(`${where} refuses the password`, {
      exitCode: exitCodes.denied,
      hint: 'correct REDIS_PASSWORD in platform.env',
      cause,
    })
  }
  if (said.includes('NOPERM')) {
    return new KitError(`${where} does not allow this user a command: ${said}`, {
      exitCode: exitCodes.denied,
      hint: 'give the user all commands on its keys in the server’s ACL',
      cause,
    })
  }
  return new KitError(`${where} cannot be reached: ${said || 'no answer'}`, {
    exitCode: exitCodes.unreachable,
    hint: 'check REDIS_HOST and REDIS_PORT, that the server runs, and the firewall in between',
    cause,
  })
}

/** A proxy may lead to a replica after a failover: PING and AUTH succeed there, writes do not. */
async function requireMaster(redis: Client, where: string): Promise<void> {
  const [role] = (await redis.sendCommand(['ROLE']).catch((cause: unknown) => {
    throw explained(cause, where)
  })) as unknown as [string]
  if (role === 'master') return
  throw new KitError(`${where} is a ${role}: nothing can be written there`, {
    exitCode: exitCodes.preflight,
    hint: 'REDIS_HOST must lead to the master: look at Sentinel and at what HAProxy sends to',
  })
}

async function policyOf(redis: Client): Promise<string | undefined> {
  // Hosted servers forbid CONFIG; that is a warning, not a failure.
  const answer = await redis.configGet('maxmemory-policy').catch(() => undefined)
  return answer?.['maxmemory-policy']
}

async function select(redis: Client, where: string, database: number): Promise<void> {
  try {
    await redis.select(database)
  } catch (cause) {
    throw new KitError(`${where} has no database ${database}: ${messageOf(cause)}`, {
      exitCode: exitCodes.preflight,
      hint: 'raise `databases` in redis.conf, or choose a smaller number in the module’s settings',
      cause,
    })
  }
}

function foreignDatabase(where: string, database: number, claimed: string | null): KitError {
  const who =
    claimed === null ? 'it holds keys nobody of ours claims' : `it is claimed by ${ownerIn(claimed)}`
  return new KitError(`${where} database ${database} is somebody else's: ${who}`, {
    exitCode: exitCodes.worldMoved,
    details: ['Nothing was written.'],
    hint: 'choose another database number in the module’s settings; each application and environment needs its own',
  })
}

function ownerIn(claimed: string): string {
  try {
    const { owner, cluster } = JSON.parse(claimed) as { owner?: string; cluster?: string }
    return `${owner ?? 'an unknown owner'} of cluster ${cluster?.slice(0, 12) ?? 'unknown'}`
  } catch {
    return 'an unknown owner'
  }
}
