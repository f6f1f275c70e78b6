import type { Host } from '../../../lib/hosts/host.mts'
import type { Hosts, Member } from '../../../lib/hosts/hosts.mts'
import { log } from '../../../lib/base/log.mts'
import type { K3sSettings } from '../settings.mts'
import { hostChecks } from './checks.mts'
import type { HostFacts } from './check.mts'
import { judge, requireNone, tell } from './judge.mts'
import { parseDocument, type HostDocument } from '../host/document.mts'
import { requireSameIdentity, type Identity } from '../host/joined.mts'
import { preparedFiles } from '../prepare/tasks.mts'
import { openInPublic, publicAddressesOf, type OpenPort } from '../reach/public.mts'
import { findBlocked, peersOf } from '../reach/reach.mts'
import { preflightScript } from './script.mts'
import { waivedOf } from '../settings-waived.mts'

/** A host, and what was read and probed there. */
export interface Answered {
  readonly host: Host
  readonly role: HostFacts['role']
  readonly said: HostDocument
  /** Milliseconds its clock is ahead of this machine's. */
  readonly ahead: number
  /** Milliseconds by which `ahead` may be wrong: half of the time on the network. */
  readonly within: number
  readonly publicPorts: readonly OpenPort[]
}

/** A host that passed preflight, and what is known of it. */
export interface Fit {
  readonly host: Host
  readonly facts: HostFacts
}

/**
 * Checks every host before anything is written: reads its state in one round trip and, once all other checks passed,
 * tests whether the hosts reach each other.
 * @param program the processor the K3s binary is built for, as `uname -m` prints it
 * @throws KitError exit 3 with every check that failed and is not waived; exit 2 when WAIVED names an unknown check or
 *   one that cannot be waived; exit 5 for a node that would get another name, address or role; exit 6 for incomplete
 *   output; exit 9 when the state of files cannot be read; exit 3, 6, 9, 130 or 143, see Host.read; see also
 *   findBlocked
 */
export async function requireFit(
  hosts: Omit<Hosts, 'close'>,
  settings: K3sSettings,
  program: string,
): Promise<Fit[]> {
  const { masters, workers, members } = hosts
  const started = performance.now()
  const answered = await Promise.all([
    ...masters.map((host) => ask(host, 'master', members)),
    ...workers.map((host) => ask(host, 'worker', members)),
  ])
  requireSameIdentity(
    answered.map(identityOf),
    settings.ENV,
    members.filter(({ role }) => role === 'master').length,
  )
  const waived = waivedOf(settings.WAIVED)
  const facts = factsOf(answered, members, settings, program)
  requireNone(judge(facts, waived), answered.length)
  const reached = await withBlocked(hosts, answered, facts, settings)
  const findings = judge(reached, waived)
  tell(findings)
  requireNone(findings, answered.length)
  log.ok(`${hostChecks.length} checks on each of ${answered.length} hosts`, started)
  return answered.flatMap(({ host }, at) => {
    const one = reached[at]
    return one === undefined ? [] : [{ host, facts: one }]
  })
}

/** As what a machine joined is read only where the kit installed K3s: another one's config.yaml proves nothing. */
const identityOf = ({ host, role, said }: Answered): Identity => ({
  name: host.name,
  address: host.address,
  role,
  hostname: said.one('hostname')?.split('.')[0],
  addresses: said.all('address').map(([, one = '']) => one.split('/')[0] ?? ''),
  joined: said.has('ours') ? said.all('node') : [],
})

/**
 * Adds to each host the connections that failed: at the host that was not reached, or at the one that probed when the
 * other is not part of this run.
 */
async function withBlocked(
  hosts: Pick<Hosts, 'servers'>,
  answered: readonly Answered[],
  facts: readonly HostFacts[],
  settings: K3sSettings,
): Promise<HostFacts[]> {
  const blocked = await findBlocked(peersOf(hosts, answered), settings)
  const asked = new Set(answered.map(({ host }) => host.name))
  return facts.map((one) => ({
    ...one,
    blocked: blocked.filter(({ from, to }) => to === one.name || (!asked.has(to) && from === one.name)),
  }))
}

/**
 * Reads what checks need to know of one host, and the state of the files preparation may write; probes its public
 * addresses.
 * @throws KitError exit 6 for incomplete output; exit 9 when the state of files cannot be read; exit 3, 6, 9, 130 or
 *   143, see Host.read
 */
export async function ask(
  host: Host,
  role: HostFacts['role'],
  members: readonly Member[],
): Promise<Answered> {
  const { publicAddress } = members.find(({ name }) => name === host.name) ?? {}
  const sent = Date.now()
  const question = {
    script: preflightScript,
    words: [host.address],
    timeoutSeconds: 60,
    shown: 'ask the host about itself',
  }
  const looked = await host.look(preparedFiles, question)
  const received = Date.now()
  const said = parseDocument(host.name, looked.said)
  const [begun, ended] = [said.number('time') * 1000, said.number('ended') * 1000]
  return {
    host,
    role,
    said,
    ahead: (begun - sent + ended - received) / 2,
    publicPorts: await openInPublic(role, publicAddressesOf({ address: host.address, publicAddress, said })),
    within: Math.max(0, received - sent - (ended - begun)) / 2,
  }
}

/** The part of a clock offset that is certain: a slow network must not look like a wrong clock. Milliseconds. */
const surely = (offset: number, within: number): number =>
  Math.sign(offset) * Math.max(0, Math.abs(offset) - within)

function factsOf(
  answered: readonly Answered[],
  members: readonly Member[],
  settings: K3sSettings,
  program: string,
): HostFacts[] {
  const aheads = answered.map(({ ahead }) => ahead).toSorted((a, b) => a - b)
  const median = aheads[Math.floor(aheads.length / 2)] ?? 0
  const short = ({ host, said }: Answered) => ({ name: host.name, address: host.address, said })
  return answered.map((one) => ({
    ...short(one),
    role: one.role,
    others: answered.filter((other) => other !== one).map(short),
    settings,
    program,
    clockOffset: surely(one.ahead - median, one.within),
    members,
    blocked: [],
    publicPorts: one.publicPorts,
  }))
}
