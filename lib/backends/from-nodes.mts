import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { exitCodes, KitError, messageOf, unlessInterrupted } from '../base/errors.mts'
import { few } from '../base/few.mts'
import type { Reporter } from '../base/log.mts'
import { written } from '../base/written.mts'
import { nodeAddresses } from '../kube/addresses.mts'
import { probesOf, nodeProbe, reach, type Probe, type Seen } from '../kube/probes.mts'
import type { KubeReader } from '../kube/reader.mts'
import type { LiveObject } from '../kube/types.mts'
import { tlsBackends } from '../settings/backend-tls.mts'
import type { BackendEndpoint } from './endpoints.mts'
import { takesPods } from '../kube/cluster-view.mts'

// A backend may accept connections from the machine the kit runs on and refuse those of pods: firewall, security group
// and pg_hba.conf match the source address, which for pods is that of their node. So a probe on each node tries to
// connect, before anything is written.

/** The cluster whose nodes are tested, and what the test reports to. */
export interface NodesToAsk {
  readonly kube: Pick<KubeReader, 'list' | 'raw'>
  /** The Node objects of the cluster. */
  readonly nodes: readonly LiveObject[]
  readonly reporter: Reporter
  /** The IPv4 addresses of a name, on this machine. @throws when it has none */
  readonly addressesOf?: (name: string) => Promise<readonly string[]>
}

/** How many nodes and backends a message names. */
const named = 3

/** For hints: the source address of pods, as a server outside the cluster sees it. */
const podsOwn = 'or the range of the pods, where nodes do not stand in for them'

interface Backend extends BackendEndpoint {
  /** `PostgreSQL 192.0.2.10:5432` */
  readonly where: string
  /** Its addresses with their port: one that can be connected to is enough. */
  readonly at: readonly string[]
}

/** The results of the probe on one node. */
interface Answer {
  readonly node: string
  readonly seen: Seen
}

/**
 * Requires that pods on the nodes can connect to these backends. A node or backend without a result is only a warning.
 * @throws KitError exit 6 when a node's pods get no TCP connection, exit 8 when pg_hba.conf refuses them, exit 130
 *   or 143 on a signal
 */
export async function requireFromNodes(
  endpoints: readonly BackendEndpoint[],
  { kube, nodes, reporter, addressesOf = resolve }: NodesToAsk,
): Promise<void> {
  if (endpoints.length === 0) return
  const usable = nodes.filter(takesPods)
  const [backends, probes] = await Promise.all([
    Promise.all(endpoints.map((one) => located(one, addressesOf))),
    probesOf(kube, nodeProbe).catch(unlessInterrupted(messageOf)),
  ])
  const known = typeof probes === 'string' ? [] : probes
  const there = known.filter(({ node }) => usable.some(({ metadata }) => metadata.name === node))
  const answers = await Promise.all(there.map((probe) => asked(kube, probe, backends)))
  for (const backend of backends) requireReached(backend, answers, usable)
  const open = backends.filter((backend) => usable.some((node) => !answersOf(backend, node, answers)))
  if (open.length > 0) {
    const silent = usable.filter((node) => open.some((backend) => !answersOf(backend, node, answers)))
    const why =
      typeof probes === 'string'
        ? `its probes cannot be read: ${probes}`
        : known.length === 0
          ? 'this cluster has no probes of the kit'
          : 'a probe there is older, or does not run, or the address is none it asks'
    const backendsNamed = few(
      open.map(({ where }) => where),
      named,
    )
    reporter.warn(
      `not asked from ${few(
        silent.map(({ metadata }) => metadata.name),
        named,
      )} whether pods reach ${backendsNamed}: ${why}`,
      known.length === 0
        ? 'firewall, security group and pg_hba.conf must let in the addresses of the nodes: the rollout shows whether they do'
        : 'an install of module 9 brings the probes of today',
    )
  } else {
    reporter.ok(
      `pods on ${usable.length} node${usable.length === 1 ? '' : 's'} reach ${endpoints
        .map(({ title }) => title)
        .join(', ')}`,
    )
  }
}

const resolve = async (name: string): Promise<string[]> =>
  (await lookup(name, { all: true, family: 4 })).map(({ address }) => address)

async function located(
  endpoint: BackendEndpoint,
  addressesOf: (name: string) => Promise<readonly string[]>,
): Promise<Backend> {
  const { title, host, port } = endpoint
  const kind = isIP(host.replace(/^\[(.*)\]$/, '$1'))
  // No address for a name that this machine cannot resolve (pods may), and for IPv6: probes connect by IPv4 only.
  const addresses = kind === 4 ? [host] : kind === 6 ? [] : await addressesOf(host).catch(() => [])
  return {
    ...endpoint,
    where: `${title} ${host}:${port}`,
    at: [...new Set(addresses)].map((address) => `${address}:${port}`),
  }
}

const openItem = (at: string): string => `open=${at}`
const loginItem = (at: string, { role, database }: NonNullable<BackendEndpoint['login']>): string =>
  `login=${at},${role}/${database}`

const itemsOf = ({ at, login }: Backend): string[] =>
  at.flatMap((one) => [openItem(one), ...(login === undefined ? [] : [loginItem(one, login)])])

/** Tests from one node; what failed is tried once more: a server that restarts, or a busy node, is not a firewall. */
async function asked(kube: NodesToAsk['kube'], probe: Probe, backends: readonly Backend[]): Promise<Answer> {
  const items = backends.flatMap(itemsOf)
  const first = await reach(kube, probe, items)
  const refused = items.filter((item) => first.get(item) === 'no')
  const again = refused.length === 0 ? [] : await reach(kube, probe, refused)
  return { node: probe.node, seen: new Map([...first, ...again]) }
}

/** True when the probe of a node has a result for a backend, whichever. */
const answersOf = (
  { at }: Backend,
  { metadata }: Pick<LiveObject, 'metadata'>,
  answers: readonly Answer[],
): boolean =>
  answers.some(({ node, seen }) => node === metadata.name && at.some((one) => seen.has(openItem(one))))

function requireReached(backend: Backend, answers: readonly Answer[], nodes: readonly LiveObject[]): void {
  const { where, at, login, title, port } = backend
  const all = (seen: Seen, item: (one: string) => string): boolean =>
    at.length > 0 && at.every((one) => seen.get(item(one)) === 'no')
  const of = (isCut: (answer: Answer) => boolean) => {
    const cut = answers.filter(isCut).map(({ node }) => node)
    const addresses = nodeAddresses(nodes.filter(({ metadata }) => cut.includes(metadata.name)))
    return { cut, nodesNamed: few(cut, named), addresses: addresses.join(', ') }
  }
  const details = ['From this machine it answers.', written()]
  const unreached = of(({ seen }) => all(seen, openItem))
  if (unreached.cut.length > 0)
    throw new KitError(`${where} cannot be reached by pods on ${unreached.nodesNamed}`, {
      exitCode: exitCodes.unreachable,
      details,
      hint: `let ${unreached.addresses} in on port ${port} (${podsOwn}): the firewall of that server, the security group, and the addresses it listens on${title === tlsBackends.POSTGRES ? ' (listen_addresses), then pg_hba.conf' : ''}; then run the same command again`,
    })
  if (login === undefined) return
  const refused = of(({ seen }) => all(seen, (one) => loginItem(one, login)))
  if (refused.cut.length > 0)
    throw new KitError(
      `${where} does not let pods on ${refused.nodesNamed} in as ${login.role}: its pg_hba.conf has no line for them`,
      {
        exitCode: exitCodes.denied,
        details,
        hint: `add to pg_hba.conf a line for ${login.role} and database ${login.database} from ${refused.addresses} (host ... scram-sha-256; ${podsOwn}), then: select pg_reload_conf(); a line hostssl needs POSTGRES_TLS too`,
      },
    )
}
