import { createHash, randomBytes } from 'node:crypto'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { log } from '../../../lib/base/log.mts'
import { sensitive, type Sensitive } from '../../../lib/base/sensitive.mts'
import { written } from '../../../lib/base/written.mts'
import type { RawValues } from '../../../lib/settings/settings.mts'
import { paths } from '../host/paths.mts'
import type { K3sSettings } from '../settings.mts'
import type { WithTokens } from './config.mts'
import type { HostState } from './host-state.mts'

// The two tokens of a cluster. They are set only here, by a run that may change its servers: an environment that only
// verifies a cluster has none of its own.

/** Each token: its setting, its key in HostState.tokens, and the file of K3s that contains it. */
const kinds = [
  { key: 'K3S_TOKEN', kind: 'server', file: 'token' },
  { key: 'K3S_AGENT_TOKEN', kind: 'agent', file: 'agent-token' },
] as const

const sha256 = (value: Sensitive): string => createHash('sha256').update(value.reveal()).digest('hex')

/**
 * Requires that an existing cluster has the tokens of the settings. K3s encrypts its datastore with the server token
 * and stores a hash of the agent token there: started with another one, a server ends with "bootstrap data already
 * found and encrypted with different token" or, at the start after the next, with "cred/passwd newer than datastore".
 * @param states of every server, read before anything is changed
 * @throws KitError exit 5 naming the setting, the host and where the right value is
 */
export function requireSameTokens(states: readonly HostState[], settings: K3sSettings): void {
  for (const { key, kind, file } of kinds) {
    const value = settings[key]
    const other = states.find(
      ({ data, tokens: made }) =>
        data && made[kind] !== undefined && value !== undefined && made[kind] !== sha256(value),
    )
    if (other === undefined) continue
    throw new KitError(`${key} is not the one the cluster of ${other.name} was made with`, {
      exitCode: exitCodes.conflict,
      details: [
        'K3s started with another token does not come back, and its snapshots open with the old one alone.',
        written(),
      ],
      hint: `give ${key} in 09_k3s.env of this environment the value that this shows on ${other.name}: sed 's/.*://' ${paths.server}/${file}`,
    })
  }
}

/** What withTokens needs. */
export interface Settling {
  /** Of every server, read before anything is changed. */
  readonly states: readonly HostState[]
  readonly servers: readonly Pick<Host, 'name' | 'read'>[]
  readonly settings: K3sSettings
  /** Saves new tokens, before a server gets them. */
  readonly keep: (found: RawValues) => Promise<void>
}

/**
 * Completes the settings with both tokens: those of an existing cluster are read from its masters; a new cluster gets
 * new ones. What the settings lacked is saved.
 * @throws KitError exit 5 when no master has the token its cluster was created with, or it differs between masters;
 *   exit 3, 6, 9, 130 or 143, see Host.read; what `keep` throws
 */
export async function withTokens({ states, servers, settings, keep }: Settling): Promise<WithTokens> {
  const lacking = kinds.filter(({ key }) => settings[key] === undefined)
  const founded = states.some(({ data }) => data)
  const found = await Promise.all(
    lacking.map(async (one) => {
      const text = founded ? await adopt(one, states, servers) : randomBytes(32).toString('hex')
      return [one.key, sensitive(text)] as const
    }),
  )
  const complete = { ...settings, ...Object.fromEntries(found) } as WithTokens
  requireSameTokens(states, complete)
  if (found.length > 0) await keep(Object.fromEntries(found.map(([key, token]) => [key, token.reveal()])))
  return complete
}

/** Reads a token from a master of the cluster. @throws KitError exit 5 when none has it; as Host.read */
async function adopt(
  { key, kind, file }: (typeof kinds)[number],
  states: readonly HostState[],
  servers: Settling['servers'],
): Promise<string> {
  const holder = states.find(({ data, tokens }) => data && tokens[kind] !== undefined)
  const host = servers.find(({ name }) => name === holder?.name)
  const path = `${paths.server}/${file}`
  const read = await host?.read(['sed', 's/.*://', path], { shown: `read ${path}` })
  const text = read?.stdout.trim() ?? ''
  if (host === undefined || text === '' || sha256(sensitive(text)) !== holder?.tokens[kind]) {
    throw new KitError(`${key} is missing, and no master has the one its cluster was made with`, {
      exitCode: exitCodes.conflict,
      details: [`${path} was looked for on ${states.map(({ name }) => name).join(', ')}.`, written()],
      hint: `put 09_k3s.env of this environment back from your backup, or write ${key} into it`,
    })
  }
  log.ok(`${key} taken over from ${host.name}`)
  return text
}

/** Registers a token, and the password it ends with (`K10<hash>::server:<password>`), for redaction; returns it. */
export function hideToken(token: string): string {
  sensitive(token.split(':').at(-1) ?? '')
  return sensitive(token).reveal()
}
