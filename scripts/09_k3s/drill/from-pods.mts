import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import type { Probe } from '../../../lib/kube/probes.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { probeNamespace } from '../probes/probe.mts'
import { allSeconds, awayOf, type Away } from './away.mts'

// What pods of other nodes see while a machine is away. One program in a pod asks all the while, over one connection: a
// request for each second would measure the API server too.

/** Nodes whose pods ask for names: each has its own CoreDNS. */
const askingNodes = 3

/** Seconds a pod waits for an answer. Several of its questions may be under way. */
const waitSeconds = 3

/**
 * POSIX shell for the container `asked` of a probe: for so many seconds (first argument) asks everything else it is
 * told, and prints `SECOND ITEM` for each answer. It ends by itself. Items:
 * - `names`: a name of the cluster is resolved
 * - `page=ADDRESS:PORT`, `site=ADDRESS:PORT`: the health page of the ingress, and the canary by its name
 */
const program = `domain=$(sed -n 's/^search [^ ]*\\.svc\\.\\([^ ]*\\).*/\\1/p' /etc/resolv.conf)
page() { timeout ${waitSeconds} wget -q -O - "$@" 2>/dev/null; }
one() {
  case $1 in
    names) timeout ${waitSeconds} nslookup -type=a "kubernetes.default.svc.$domain" >/dev/null 2>&1 ;;
    page=*) page "http://\${1#*=}$HEALTH_PATH" >/dev/null ;;
    site=*) page --header "Host: $CANARY_HOST" "http://\${1#*=}/cgi-bin/who" | grep -q '^keybuzz-probe ' ;;
  esac
}
end=$1 second=0
shift
while [ "$second" -lt "$end" ]; do
  for item; do { if one "$item"; then echo "$second $item"; fi; } & done
  sleep 1
  second=$((second + 1))
done
wait`

/** What a pod asks, and how long it may be away. */
interface Item {
  readonly item: string
  readonly what: string
  readonly most: number
}

export interface FromPods {
  /** The probes of the other nodes. */
  readonly probes: readonly Probe[]
  /** The ingress of each other node. */
  readonly ingresses: readonly { readonly node: string; readonly address: string; readonly port: number }[]
  /** True when every node asks its own CoreDNS: then the machine takes no name away. */
  readonly near: boolean
}

/** Seconds within which a node is found to be lost, and its pods are in no Service any more. */
export const lostSeconds = 60

/** Seconds in which a name may be lost although each node asks its own CoreDNS: one packet of UDP may always be. */
const nearSeconds = 1

/** Seconds an ingress may fail: a load balancer that asks every 2 s takes it out after three failures. */
const ingressSeconds = 5

/**
 * Lets pods of other nodes ask for names, for the ingress of all other nodes, and for the canary, until the machine has
 * been away.
 * @throws KitError exit 9 when a pod asked nothing; else as KubeReader.runIn
 */
export async function askFromPods(
  kube: Pick<KubeReader, 'runIn'>,
  { probes, ingresses, near }: FromPods,
): Promise<Away[]> {
  const names: Item = { item: 'names', what: 'names', most: near ? nearSeconds : lostSeconds }
  const pages = ingresses.map(({ node, address, port }): Item => ({
    item: `page=${address}:${port}`,
    what: `ingress of ${node}`,
    most: ingressSeconds,
  }))
  // Its pods are on every node: those of the machine fail until its node is found to be lost.
  const canary = ingresses.slice(0, 1).map(({ address, port }): Item => ({
    item: `site=${address}:${port}`,
    what: 'the canary',
    most: lostSeconds,
  }))
  const items = [names, ...pages, ...canary]
  const asking = probes.slice(0, askingNodes)
  const texts = await Promise.all(
    asking.map((probe, at) => ask(kube, probe, at === 0 ? items.map(({ item }) => item) : [names.item])),
  )
  return items.map((one) => awayOf(one, answersTo(one.item, one === names ? texts : texts.slice(0, 1))))
}

async function ask(
  kube: Pick<KubeReader, 'runIn'>,
  { pod, node }: Probe,
  items: readonly string[],
): Promise<string> {
  const live = { metadata: { namespace: probeNamespace, name: pod } } as LiveObject
  const text = await kube.runIn(live, ['sh', '-c', program, 'sh', String(allSeconds), ...items], {
    container: 'asked',
    isRepeatable: false,
    timeoutSeconds: allSeconds + 60,
  })
  if (/^\d+ /m.test(text)) return text
  throw new KitError(`the probe of ${node} has no answer to anything it asked`, {
    exitCode: exitCodes.rolloutFailed,
    hint: `kubectl --namespace ${probeNamespace} logs ${pod} --container asked`,
  })
}

/** Whether every pod had an answer, for each second. Pure. @param texts what the program printed in each of them */
export function answersTo(item: string, texts: readonly string[]): boolean[] {
  const seen = texts.map(
    (text) =>
      new Set(
        text.split('\n').flatMap((line) => {
          const [second, what] = line.trim().split(' ')
          return what === item ? [Number(second)] : []
        }),
      ),
  )
  return Array.from({ length: allSeconds }, (_, second) => seen.every((one) => one.has(second)))
}
