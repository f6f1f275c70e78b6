import { fields, listOf, optional, text } from '../../../lib/base/shape.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import type { HostState } from './host-state.mts'
import { etcdCurl, etcdGateway } from './member-list.mts'

// Which server token a cluster really has. K3s stores what its servers must share in etcd, encrypted with that token,
// at a key named after it: `/bootstrap/` and the first 12 digits of its sha256. `k3s token rotate` moves it to a new
// key; the file server/token it changes on one server only.

const prefix = '/bootstrap/'
const base64 = (words: string): string => Buffer.from(words).toString('base64')

/** All keys below the prefix, without their values: these are the private keys of the cluster. */
const range = JSON.stringify({ key: base64(prefix), range_end: base64('/bootstrap0'), keys_only: true })

/** POSIX shell: prints a line `bootstrap=JSON` when the etcd of this server answers. */
const keysPart = `${etcdCurl} -fsS --max-time 5 -d '${range}' ${etcdGateway}/kv/range 2>/dev/null |
  tr -d '\\n' | sed 's/^/bootstrap=/' && echo`

const answer = fields({ kvs: optional(listOf(fields({ key: text }))) })

/** The digits in the key of etcd that a line `bootstrap=JSON` of keysPart names; empty when there is none. Pure. */
export function bootstrapKeysIn(said: string): string[] {
  const json = /^bootstrap=(\{.*\})$/m.exec(said)?.[1]
  if (json === undefined) return []
  try {
    return (answer(JSON.parse(json), '').kvs ?? []).flatMap(({ key }) => {
      const digits = /^\/bootstrap\/([0-9a-f]{12})$/.exec(Buffer.from(key, 'base64').toString())?.[1]
      return digits === undefined ? [] : [digits]
    })
  } catch {
    return []
  }
}

/**
 * Asks etcd which server token the cluster has.
 * @param servers the hosts of `states`, by name
 * @returns the first 12 digits of its sha256, of several keys all; empty when no server that runs tells
 * @throws KitError exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function bootstrapKeysOf(
  states: readonly Pick<HostState, 'name' | 'data' | 'active'>[],
  servers: readonly Host[],
): Promise<string[]> {
  const running = states.filter(({ data, active }) => data && active).map(({ name }) => name)
  const shown = 'ask etcd which token the cluster has'
  for (const server of servers.filter(({ name }) => running.includes(name))) {
    const keys = bootstrapKeysIn(
      (await readScript(server, keysPart, [], { timeoutSeconds: 30, shown })).stdout,
    )
    if (keys.length > 0) return keys
  }
  return []
}

/** True when etcd has the token with this sha256. Pure. @param keys see bootstrapKeysOf */
export const isKeyOf = (keys: readonly string[], sum: string | undefined): boolean =>
  sum !== undefined && keys.includes(sum.slice(0, 12))
