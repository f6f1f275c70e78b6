import { createHash } from 'node:crypto'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { sensitive, type Sensitive } from '../../../lib/base/sensitive.mts'
import { paths } from '../host/paths.mts'
import type { K3sSettings } from '../settings.mts'
import type { HostState } from './host-state.mts'

const sha256 = (value: Sensitive): string => createHash('sha256').update(value.reveal()).digest('hex')

/**
 * The tokens of a cluster that is there are those of the settings. K3s encrypts its datastore with the server token and
 * keeps a hash of the agent token in it: started with another one, a server ends with "bootstrap data already found and
 * encrypted with different token" or, at its next start but one, with "cred/passwd newer than datastore".
 * @param states of every server, before anything is written
 * @throws KitError exit 5 naming the setting, the host and where the right value is
 */
export function requireSameTokens(states: readonly HostState[], settings: K3sSettings): void {
  const tokens = [
    ['K3S_TOKEN', settings.K3S_TOKEN, 'server', 'token'],
    ['K3S_AGENT_TOKEN', settings.K3S_AGENT_TOKEN, 'agent', 'agent-token'],
  ] as const
  for (const [key, value, kind, file] of tokens) {
    const other = states.find(
      ({ data, tokens: made }) =>
        data && made[kind] !== undefined && value !== undefined && made[kind] !== sha256(value),
    )
    if (other === undefined) continue
    throw new KitError(`${key} is not the one the cluster of ${other.name} was made with`, {
      exitCode: exitCodes.worldMoved,
      details: [
        'K3s started with another token does not come back, and its snapshots open with the old one alone.',
        'No server was changed.',
      ],
      hint: `give ${key} in 09_k3s.env of this environment the value that this shows on ${other.name}: sed 's/.*://' ${paths.server}/${file}`,
    })
  }
}

/** A token read from a host: neither it nor the password it ends with (`K10<hash>::server:<password>`) is shown. */
export function hideToken(token: string): string {
  sensitive(token.split(':').at(-1) ?? '')
  return sensitive(token).reveal()
}
