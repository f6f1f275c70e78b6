import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { imagesIn, imagesPart, type HeldImages } from '../host/held-images.mts'
import { addressesPart, joinedPart, requireSameIdentity, type Identity } from '../host/joined.mts'
import { paths, signature, unitPath } from '../host/paths.mts'
import { fixedIn, type Fixed } from '../host/fixed.mts'
import type { NodeFacts } from './config.mts'
import { unitIn, unitWords } from './unit-state.mts'
import { written } from '../../../lib/base/written.mts'

/** What a host says of the K3s on it. */
export interface HostState extends NodeFacts, Pick<Identity, 'addresses' | 'joined'> {
  /** Its unit runs. */
  readonly active: boolean
  /**
   * Its unit is on its first try to start: K3s waits so for the votes of others, or for a server that lets it in, and
   * comes by itself. A start that comes again and again does not count, nor one etcd was put out of the cluster in.
   */
  readonly starting: boolean
  /** The start that runs or is under way, as systemd names it; each one is another. */
  readonly invocation: string | undefined
  /** Its unit neither runs nor tries to. */
  readonly stopped: boolean
  /** It holds a copy of the cluster's database: etcd has a log there, and was not put out of the cluster. */
  readonly data: boolean
  /** Its etcd was put out of the cluster, and has written that down: started anew it joins anew, without what it held. */
  readonly tombstone: boolean
  /** Its database says that it is a member, and etcd lists it no more; only withMembership finds that out. */
  readonly putOut?: boolean
  /** sha256 of the CA the cluster signs with; undefined without one. */
  readonly ca: string | undefined
  /** sha256 of the passwords in the tokens its cluster was made with: none of them leaves the host. */
  readonly tokens: { readonly server: string | undefined; readonly agent: string | undefined }
  /** What its configuration says of what K3s fixes for good. */
  readonly fixed: Fixed
  /**
   * The server its configuration joins; undefined for the one that began, without configuration, and on a host that has
   * not joined yet: K3s asks that server for ever, also one that has left since.
   */
  readonly joins: string | undefined
  /** What the service was last started with. */
  readonly started: string | undefined
  /** It keeps the password its Node was registered with: the cluster knows this very machine. */
  readonly registered: boolean
  /** sha256 of the program that is there. */
  readonly program: string | undefined
  /** What it has of the images in its tarballs; nothing is known where its K3s does not run, or none were asked for. */
  readonly images: HeldImages
  /** It is on its way out of the cluster: an uninstall of it began. */
  readonly leaving: boolean
}

const script = `dir=${paths.server}
${addressesPart}
${joinedPart}${unitWords('k3s', 'k3s-agent')}
ls -d "$dir/db/etcd/member/wal" "$dir/db/etcd/tombstone" ${paths.balancer} 2>/dev/null
[ -s "$dir/tls/server-ca.crt" ] && echo "ca=$(sha256sum <"$dir/tls/server-ca.crt" | cut -d' ' -f1)"
for name in token agent-token; do
  [ -s "$dir/$name" ] && echo "$name=$(sed 's/.*://' "$dir/$name" | tr -d '\\n' | sha256sum)"
done
sed -n 's|^server: *"*https://\\([^:"]*\\).*|joins=\\1|p' ${paths.config} 2>/dev/null
[ -s ${paths.started} ] && echo "started=$(cat ${paths.started})"
[ -e ${paths.leaving} ] && echo leaving=yes
if ! grep -qs '${signature}' ${paths.config} && [ ! -e ${paths.leaving} ]; then
  for path in ${paths.config} /etc/systemd/system/k3s.service /etc/systemd/system/k3s-agent.service "$dir/db"; do
    [ -e "$path" ] && echo "foreign=K3s ($path)"
  done
fi
for path in /etc/kubernetes/kubelet.conf /etc/kubernetes/manifests/kube-apiserver.yaml /etc/rancher/rke2 /var/snap/microk8s /etc/k0s; do
  [ -e "$path" ] && echo "foreign=another Kubernetes ($path)"
done
`

/** The files of ours on a host, beside images. */
const ownFiles = [
  paths.binary,
  paths.config,
  paths.uninstall,
  ...(['server', 'agent'] as const).map(unitPath),
]

/**
 * Asks one host how it stands, in one round trip.
 * @param images the tarballs that are to be there: looked at with the other files
 * @throws KitError exit 3 when it cannot become a node of ours
 */
export async function readState(host: Host, images: readonly string[] = []): Promise<HostState> {
  const { name, address } = host
  const whole = `${script}${images.length === 0 ? '' : imagesPart}exit 0`
  const question = { script: whole, words: [], shown: 'read the state of K3s' }
  const looked = await host.look([...ownFiles, ...images], question)
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
    fixed: fixedIn(looked.said),
    joins: data || has(paths.balancer) ? said('joins') : undefined,
    started: said('started'),
    // The question says nothing before there is a password.
    registered: joined.length > 0,
    program: looked.sums.get(paths.binary),
    images: imagesIn(looked.said),
    leaving: said('leaving') !== undefined,
  }
}

/** The words behind a first word, of each line that begins so. */
const wordsOf = (text: string, key: string): string[][] =>
  text.split('\n').flatMap((line) => {
    const [first, ...words] = line.split(' ')
    return first === key ? [words] : []
  })

/** Of a line of sha256sum, the sum. */
const firstWord = (text: string | undefined): string | undefined => text?.split(' ')[0]

/** True when anything of K3s is on the host. */
export const carries = ({ active, data, started, program, leaving }: HostState): boolean =>
  active || data || leaving || started !== undefined || program !== undefined

/** @throws KitError exit 5 for a host whose uninstall was interrupted: it must be ended before it can join again */
function requireStaying(states: readonly HostState[]): void {
  const names = states.flatMap(({ name, leaving }) => (leaving ? [name] : []))
  if (names.length === 0) return
  throw new KitError(`${names.join(', ')}: an uninstall began and did not end`, {
    exitCode: exitCodes.conflict,
    details: [`Part of it may be out of the cluster already. ${written()}`],
    hint: `end it: --uninstall --limit ${names.join(',')}, then install again; when its Node is still there and shall stay: kubectl uncordon, and on it systemctl enable k3s (k3s-agent on a worker) and rm ${paths.leaving}`,
  })
}

/**
 * Requires that each host may become the node servers.tsv makes it, or is that already. Asked before any is written to.
 * @param masters how many servers.tsv has
 * @throws KitError exit 5 for a host that joined under another name, address or role, or is on its way out; exit 3 for
 *   one that does not have its private address
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
