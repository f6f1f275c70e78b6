import { exitCodes, KitError } from '../base/errors.mts'
import { fields, optional, text, wholeNumber } from '../base/shape.mts'
import { written } from '../base/written.mts'
import { readReply, type Vault } from './vault.mts'

// Whether Vault can work, by the HTTP status of sys/health (Vault's documentation, "/sys/health").

const states: Readonly<Record<number, Health['state']>> = {
  200: 'active',
  429: 'standby',
  // A performance standby of Vault Enterprise: it answers reads itself, and forwards writes.
  473: 'standby',
  472: 'replica',
  501: 'not initialised',
  503: 'sealed',
}

/** The state of a Vault server, as it reports it. */
export interface Health {
  readonly state: 'active' | 'standby' | 'replica' | 'not initialised' | 'sealed'
  readonly version: string
  /** Seconds by which Vault's clock is ahead of this machine's. */
  readonly secondsAhead: number
}

/** Seconds by which two clocks may differ: beyond about 60 a new token is "not valid yet" (`nbf`). */
const mostSecondsApart = 60

const shape = fields({ version: optional(text), server_time_utc: optional(wholeNumber) })

/** Reads the state of Vault. @throws KitError exit 3 when the response is not one of Vault; exit 6 or 7, see send */
export async function readHealth(vault: Vault, now: () => number = Date.now): Promise<Health> {
  const reply = await vault.ask('GET', 'sys/health')
  const state = states[reply.status]
  if (state === undefined) throw notVault(vault, reply.status, reply.words)
  const { version = 'unknown', server_time_utc: time } = readReply(vault, 'its health', shape, reply)
  return { state, version, secondsAhead: time === undefined ? 0 : time - Math.round(now() / 1000) }
}

/**
 * Requires a Vault that can work.
 * @returns its state; and a warning when it is a standby
 * @throws KitError exit 3 when it is sealed, not initialised or a replica for disaster recovery, when its clock differs
 *   by more than 60 s, or when the response is not one of Vault; exit 6 or 7, see send
 */
export async function requireHealthy(
  vault: Vault,
  now: () => number = Date.now,
): Promise<{ readonly health: Health; readonly warning?: string }> {
  const health = await readHealth(vault, now)
  const problem = problemOf(health)
  if (problem !== undefined)
    throw new KitError(`${vault.where} ${problem.what}`, {
      exitCode: exitCodes.preflight,
      details: [`Pods that run keep their files. ${written()}`],
      hint: problem.hint,
    })
  const apart = Math.abs(health.secondsAhead)
  if (apart > mostSecondsApart) throw skewed(vault, health, now())
  return health.state === 'standby'
    ? {
        health,
        warning: `${vault.where} is a standby: it passes requests on only while the active server is there`,
      }
    : { health }
}

function problemOf({ state }: Health): { what: string; hint: string } | undefined {
  if (state === 'sealed')
    return { what: 'is sealed', hint: 'unseal it on its own machine: vault operator unseal' }
  if (state === 'not initialised')
    return {
      what: 'is not initialised: it has no keys yet',
      hint: 'on its own machine: vault operator init, keep what it prints, then vault operator unseal',
    }
  if (state === 'replica')
    return {
      what: 'is a replica for disaster recovery: it serves nobody',
      hint: 'set VAULT_ADDR to the primary cluster',
    }
  return undefined
}

const notVault = ({ where }: Vault, status: number, words: string): KitError =>
  new KitError(`${where} does not answer as Vault does: ${status} ${words}`.trimEnd(), {
    exitCode: exitCodes.preflight,
    details: [written()],
    hint:
      status >= 300 && status < 400
        ? 'it sends requests elsewhere: set VAULT_ADDR to the active server, or to a load balancer that knows it'
        : 'set VAULT_ADDR to Vault itself: the port of its listener, 8200 unless it was changed',
  })

const skewed = ({ where }: Vault, { secondsAhead }: Health, now: number): KitError => {
  const time = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 19)
  return new KitError(
    `the clock of ${where} is ${Math.abs(secondsAhead)} s ${secondsAhead > 0 ? 'ahead' : 'behind'}`,
    {
      exitCode: exitCodes.preflight,
      details: [
        `it has ${time(now + secondsAhead * 1000)} UTC, this machine ${time(now)} UTC`,
        'Tokens are not valid yet, or no longer, between clocks that differ by more than 60 s.',
      ],
      hint: 'set the clock that is wrong: timedatectl status; chronyc tracking',
    },
  )
}
