import { createHash, randomBytes } from 'node:crypto'
import { NotYet } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { log } from '../../../lib/base/log.mts'
import { sensitive, type Sensitive } from '../../../lib/base/sensitive.mts'
import type { RawValues } from '../../../lib/settings/settings.mts'
import { paths } from '../host/paths.mts'
import type { K3sSettings } from '../settings.mts'
import { isKeyOf } from './bootstrap-key.mts'
import type { WithTokens } from './config.mts'
import type { HostState } from './host-state.mts'
import { anotherInDatabase, anotherOnHosts, noneHas, severalOnHosts, type Token } from './token-errors.mts'

// The two tokens of a cluster. They are set only here, by a run that may change its servers: an environment that only
// verifies a cluster has none of its own.

/** Each token: its setting, its key in HostState.tokens, and the file of K3s that contains it. */
const kinds = [
  { key: 'K3S_TOKEN', kind: 'server', file: `${paths.server}/token`, line: 'token:' },
  { key: 'K3S_AGENT_TOKEN', kind: 'agent', file: `${paths.server}/agent-token`, line: 'agent-token:' },
] as const satisfies readonly Token[]

const sha256 = (value: Sensitive): string => createHash('sha256').update(value.reveal()).digest('hex')

/** What a token is compared with. */
export interface Known {
  /** Of every server, read before anything is changed. */
  readonly states: readonly HostState[]
  /** Of the server token etcd has, see bootstrapKeysOf; empty where no etcd told. */
  readonly keys: readonly string[]
}

/** The servers that hold the database and have a file with this token. */
const holdersOf = (states: readonly HostState[], kind: Token['kind']): HostState[] =>
  states.filter(({ data, tokens }) => data && tokens[kind] !== undefined)

/**
 * True when server/token alone does not show that the settings have the right server token: it is missing, another one,
 * or a server does not run, which may have ended because of it. Then etcd must be asked. Pure.
 */
export function isTokenInDoubt(states: readonly HostState[], { K3S_TOKEN: token }: K3sSettings): boolean {
  const members = states.filter(({ data }) => data)
  return members.some(
    ({ active, tokens }) => !active || token === undefined || tokens.server !== sha256(token),
  )
}

/**
 * Requires that an existing cluster has the tokens of the settings. K3s encrypts what its servers share with the server
 * token and stores the agent token there: started with another one, a server ends with "bootstrap data already found
 * and encrypted with different token" or, at the start after the next, with "cred/passwd newer than datastore". What
 * etcd says of the server token is right; server/token shows only what that server was started with.
 * @throws KitError exit 5 naming the setting, the hosts and every place that has a value
 */
export function requireSameTokens({ states, keys }: Known, settings: K3sSettings): void {
  for (const token of kinds) {
    const value = settings[token.key]
    if (value === undefined) continue
    const sum = sha256(value)
    const holders = holdersOf(states, token.kind)
    if (token.kind === 'server' && keys.length > 0) {
      if (!isKeyOf(keys, sum)) throw anotherInDatabase(token, holders, keys)
    } else if (holders.some(({ tokens }) => tokens[token.kind] !== sum)) {
      throw anotherOnHosts(token, holders, sum)
    }
  }
}

/**
 * Names the servers that still run with an older server token than etcd has: they run on until their next start.
 * @param settings with the right one, see requireSameTokens
 */
export function warnOfOlderTokens(states: readonly HostState[], { K3S_TOKEN: token }: WithTokens): void {
  const older = holdersOf(states, 'server').filter(({ tokens }) => tokens.server !== sha256(token))
  if (older.length === 0) return
  log.warn(
    `K3S_TOKEN was changed in etcd, as k3s token rotate does; ${older.map(({ name }) => name).join(', ')} would end at the next start, with an older one`,
    'nothing to type: this run starts every server anew with the right one, one after another; with --limit only those it names',
  )
}

/** What withTokens needs. */
export interface Settling extends Known {
  readonly servers: readonly Pick<Host, 'name' | 'read'>[]
  readonly settings: K3sSettings
  /** Saves new tokens, before a server gets them. */
  readonly keep: (found: RawValues) => Promise<void>
}

/**
 * Completes the settings with both tokens: those of an existing cluster are read from its masters; a new cluster gets
 * new ones. What the settings lacked is saved.
 * @throws KitError exit 5 when no master has the token its cluster has, or it differs between masters; exit 3, 6, 9, 130
 *   or 143, see Host.read; what `keep` throws
 */
export async function withTokens({ servers, settings, keep, ...known }: Settling): Promise<WithTokens> {
  const lacking = kinds.filter(({ key }) => settings[key] === undefined)
  const founded = known.states.some(({ data }) => data)
  const found = await Promise.all(
    lacking.map(async (one) => {
      const text = founded ? await adopt(one, known, servers) : randomBytes(32).toString('hex')
      return [one.key, sensitive(text)] as const
    }),
  )
  const complete = { ...settings, ...Object.fromEntries(found) } as WithTokens
  if (found.length === 0) return complete
  requireSameTokens(known, complete)
  await keep(Object.fromEntries(found.map(([key, token]) => [key, token.reveal()])))
  return complete
}

/** Reads a token from a master of the cluster. @throws KitError exit 5 when none has the right one; as Host.read */
async function adopt(
  token: (typeof kinds)[number],
  { states, keys }: Known,
  servers: Settling['servers'],
): Promise<string> {
  const { key, kind, file } = token
  const all = holdersOf(states, kind)
  const isToldByEtcd = kind === 'server' && keys.length > 0
  const holders = isToldByEtcd ? all.filter(({ tokens }) => isKeyOf(keys, tokens.server)) : all
  if (new Set(holders.map(({ tokens }) => tokens[kind])).size > 1) throw severalOnHosts(token, holders)
  const [holder] = holders
  const host = servers.find(({ name }) => name === holder?.name)
  const read = await host?.read(['sed', 's/.*://', file], { shown: `read ${file}` })
  const text = read?.stdout.trim() ?? ''
  if (host === undefined || text === '' || sha256(sensitive(text)) !== holder?.tokens[kind])
    throw noneHas(token, states, isToldByEtcd)
  log.ok(`${key} taken over from ${host.name}`)
  return text
}

/** Registers a token, and the password it ends with (`K10<hash>::server:<password>`), for redaction; returns it. */
export function hideToken(token: string): string {
  sensitive(token.split(':').at(-1) ?? '')
  return sensitive(token).reveal()
}

/**
 * The join token in its full form, with which a joining server verifies the cluster's CA. Its last part is the setting:
 * after `k3s token rotate` the file of a server that has not started since has an older one.
 * @param state what that server said before this run changed it
 * @throws NotYet while the server has none, as under --plan before the cluster exists; as Host.read
 */
export async function readToken(
  server: Host,
  { K3S_TOKEN }: WithTokens,
  state: Pick<HostState, 'tokenPrefix'> | undefined,
): Promise<string> {
  const prefix = state?.tokenPrefix ?? (await readPrefix(server))
  return hideToken(`${prefix}${K3S_TOKEN.reveal()}`)
}

async function readPrefix(server: Host): Promise<string> {
  const { code, stdout } = await server.read(['cat', `${paths.server}/token`], { shown: 'read the token' })
  if (code !== 0 || !stdout.startsWith('K10')) throw new NotYet('09_k3s_02_install_control_plane')
  return stdout.trim().replace(/[^:]*$/, '')
}
