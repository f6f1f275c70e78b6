import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { imagesIn, type HeldImages } from '../host/held-images.mts'
import { requireSameIdentity, type Identity } from '../host/joined.mts'
import { paths, unitPath } from '../host/paths.mts'
import { registriesOwner, type RegistriesOwner } from './registries.mts'
import { fixedIn, type Fixed } from '../host/fixed.mts'
import type { NodeFacts } from './config.mts'
import { healthMark, stateScript } from './state-script.mts'
import { unitIn } from './unit-state.mts'
import { written } from '../../../lib/base/written.mts'

/** The state of K3s on a host. */
export interface HostState extends NodeFacts, Pick<Identity, 'addresses' | 'joined'> {
  /** Its unit is active. */
  readonly active: boolean
  /**
   * Its unit is activating for the first time: K3s waits for the votes of other servers, or for a server to join by,
   * and then becomes active by itself. False for a unit that systemd has restarted, and for one that etcd has removed.
   */
  readonly starting: boolean
  /** systemd's InvocationID of the current start; every start has another one. */
  readonly invocation: string | undefined
  /** Its unit is neither active nor activating. */
  readonly stopped: boolean
  /** It has the data of an etcd member: a write-ahead log, and no tombstone. */
  readonly data: boolean
  /** Its etcd was removed from the cluster, and has recorded that: its next start joins again, without the old data. */
  readonly tombstone: boolean
  /** It has etcd data, but the members no longer list it; set only by withMembership. */
  readonly putOut?: boolean
  /** sha256 of the certificate of the cluster's server CA; undefined without one. */
  readonly ca: string | undefined
  /** sha256 of the passwords in the tokens of its cluster: no password leaves the host. */
  readonly tokens: { readonly server: string | undefined; readonly agent: string | undefined }
  /** The values in its config.yaml that cannot be changed. */
  readonly fixed: Fixed
  /**
   * Address of the server in its config.yaml by which it joined; K3s keeps it, also when that server has left.
   * Undefined for the server that began the cluster, without config.yaml, and on a host that has not joined yet.
   */
  readonly joins: string | undefined
  /** The startHash its service was last started with. */
  readonly started: string | undefined
  /** It has the node password with which its Node was registered: the cluster knows this machine. */
  readonly registered: boolean
  /** sha256 of its K3s binary; undefined without one. */
  readonly program: string | undefined
  /** What its join token begins with, `K10<hash of the CA>::server:`; undefined before it has database and token. */
  readonly tokenPrefix: string | undefined
  /** The images of its tarballs; empty when K3s does not run, or no tarballs were given to readState. */
  readonly images: HeldImages
  /** Who wrote its paths.registries. */
  readonly registries: RegistriesOwner
  /** It is being removed from the cluster: an uninstall of it began. */
  readonly leaving: boolean
  /** What a server that runs says of its health, for missingIn, where that was asked too. */
  readonly health?: string
}

/** The kit's files on a host, except tarballs of images. */
const ownFiles = [
  paths.binary,
  paths.config,
  paths.uninstall,
  ...(['server', 'agent'] as const).map(unitPath),
]

/**
 * Reads the state of K3s on one host, in one round trip.
 * @param images paths on the host of the tarballs it should have
 * @param more.withHealth also whether a server that runs is healthy
 * @throws KitError exit 3 when a Kubernetes is there that the kit did not install; exit 9 when the state of files
 *   cannot be read; exit 3, 6, 9, 130 or 143, see Host.read
 */
export async function readState(
  host: Host,
  images: readonly string[] = [],
  { withHealth = false } = {},
): Promise<HostState> {
  const { name, address } = host
  const script = stateScript(images.length > 0, withHealth)
  const question = { script, words: [name], shown: 'read the state of K3s', record: paths.sums }
  const { sums, said: text } = await host.look([...ownFiles, ...images], question)
  const [state = '', health] = text.split(`\n${healthMark}\n`)
  const looked = { sums, said: `${state}\n` }
  const said = (key: string) => new RegExp(`^${key}=(.+)$`, 'm').exec(looked.said)?.[1]
  const unit = unitIn(looked.said)
  const foreign = said('foreign')
  if (foreign !== undefined) {
    throw new KitError(`${name} carries ${foreign}, which the kit did not install`, {
      exitCode: exitCodes.preflight,
      details: [`It may hold a cluster and its data. ${written()}`],
      hint: `a cluster that shall stay: only --verify, with its kubeconfig; else take it off ${name} by its own uninstall`,
    })
  }
  const addresses = wordsOf(looked.said, 'address')
  const joined = wordsOf(looked.said, 'node')
  const has = (path: string) => looked.said.includes(`\n${path}\n`)
  const tombstone = has(paths.tombstone)
  const data = has(`${paths.etcd}/member/wal`) && !tombstone
  return {
    name,
    address,
    interface: addresses.find(([, one = '']) => one.split('/')[0] === address)?.[0] ?? '',
    addresses: addresses.map(([, one = '']) => one.split('/')[0] ?? ''),
    joined,
    active: unit.state === 'active',
    starting: unit.isFirstTry && !tombstone,
    invocation: unit.invocation,
    stopped: unit.isStopped,
    data,
    tombstone,
    ca: said('ca'),
    tokens: { server: firstWord(said('token')), agent: firstWord(said('agent-token')) },
    tokenPrefix: data ? /^K10[0-9a-f]+::server:$/m.exec(looked.said)?.[0] : undefined,
    fixed: fixedIn(looked.said),
    joins: data || has(paths.balancer) ? said('joins') : undefined,
    started: said('started'),
    // joinedPart prints nothing before the host has a node password.
    registered: joined.length > 0,
    program: looked.sums.get(paths.binary),
    images: imagesIn(looked.said),
    registries: registriesOwner(said('registries')),
    leaving: said('leaving') !== undefined,
    ...(health === undefined ? {} : { health }),
  }
}

/** The words after the first one, of each line whose first word is `key`. */
const wordsOf = (text: string, key: string): string[][] =>
  text.split('\n').flatMap((line) => {
    const [first, ...words] = line.split(' ')
    return first === key ? [words] : []
  })

/** The checksum in a line of sha256sum. */
const firstWord = (text: string | undefined): string | undefined => text?.split(' ')[0]

/** True when anything of K3s is on the host. Pure. */
export const carries = ({ active, data, started, program, leaving }: HostState): boolean =>
  active || data || leaving || started !== undefined || program !== undefined

/** @throws KitError exit 5 for a host whose uninstall was interrupted: it must be completed before the host can join */
function requireStaying(states: readonly HostState[]): void {
  const names = states.flatMap(({ name, leaving }) => (leaving ? [name] : []))
  if (names.length === 0) return
  throw new KitError(`${names.join(', ')}: an uninstall began and did not end`, {
    exitCode: exitCodes.conflict,
    details: [`Part of it may be out of the cluster already. ${written()}`],
    hint: `end it: --uninstall --limit ${names.join(',')}, then install again; when its Node is still there and shall stay: kubectl uncordon ${names.join(' ')}, and on it systemctl enable k3s (k3s-agent on a worker) and rm ${paths.leaving}`,
  })
}

/**
 * Requires that each host is or may become the node that servers.tsv describes. Called before a host is changed.
 * @param masters how many servers.tsv has
 * @throws KitError exit 5 for a host that joined with another name, address or role, or whose uninstall was
 *   interrupted; exit 3 when no interface has its private address
 */
export function requireNodes(
  states: readonly HostState[],
  role: Identity['role'],
  env: string,
  masters: number,
): void {
  requireStaying(states)
  requireSameIdentity(
    states.map((one) => ({ ...one, role })),
    env,
    masters,
  )
  const astray = states.find((one) => one.interface === '')
  if (astray === undefined) return
  throw new KitError(`${astray.name}: no interface carries ${astray.address}`, {
    exitCode: exitCodes.preflight,
    details: [`The overlay between nodes would go over another network. ${written()}`],
    hint: 'correct IP_PRIVEE in servers.tsv, or give the host that address',
  })
}
