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

// The two tokens of a cluster. They are settled here alone, by the one run that may change its servers: an environment
// that only proves a cluster has none of its own.

/** Each token, what a host calls it, and the file K3s keeps it in. */
const kinds = [
  { key: 'K3S_TOKEN', kind: 'server', file: 'token' },
  { key: 'K3S_AGENT_TOKEN', kind: 'agent', file: 'agent-token' },
] as const

const sha256 = (value: Sensitive): string => createHash('sha256').update(value.reveal()).digest('hex')

/**
 * The tokens of a cluster that is there are those of the settings. K3s encrypts its datastore with the server token and
 * keeps a hash of the agent token in it: started with another one, a server ends with "bootstrap data already found and
 * encrypted with different token" or, at its next start but one, with "cred/passwd newer than datastore".
 * @param states of every server, before anything is written
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

export interface Settling {
  /** Of every server, before anything is written. */
  readonly states: readonly HostState[]
  readonly servers: readonly Pick<Host, 'name' | 'read'>[]
  readonly settings: K3sSettings
  /** Saves them before any server is told. */
  readonly keep: (found: RawValues) => Promise<void>
}

/**
 * The settings with both tokens: a cluster that is there has them on its masters; a cluster that is not gets new ones,
 * which are saved first.
 * @throws KitError exit 5 when no master has the token its cluster was made with; what `keep` throws
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

/** A token read from a host: neither it nor the password it ends with (`K10<hash>::server:<password>`) is shown. */
export function hideToken(token: string): string {
  sensitive(token.split(':').at(-1) ?? '')
  return sensitive(token).reveal()
}
