import { isIPv4 } from 'node:net'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { pollUntil } from '../../../lib/base/poll.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import { isInRange } from '../host/cidr.mts'
import { lastLines } from '../host/last-lines.mts'
import { kubectlWords } from './kubectl.mts'

// A machine that joins again gets a new Node, and with it another pod CIDR. Until flannel has started,
// /run/flannel/subnet.env still has the old one: a pod that starts earlier gets an address of the old range. It is
// Ready and an endpoint of its Services, but no other node can reach it.

const script = `k() { ${kubectlWords('--request-timeout=5s').join(' ')} "$@"; }
k get node "$1" -o 'jsonpath=range={.spec.podCIDR}{"\\n"}' &&
k get pods --all-namespaces --field-selector "spec.nodeName=$1" -o 'jsonpath={range .items[*]}pod={.metadata.namespace}|{.metadata.name}|{.spec.hostNetwork}|{.status.podIP}{"\\n"}{end}'`

/** The pods in the output of the script whose address is not in the pod CIDR of their node. Pure. */
export function strayPods(said: string): (readonly [namespace: string, name: string])[] {
  const range = /^range=(\S+)$/m.exec(said)?.[1] ?? ''
  if (!isIPv4(range.split('/')[0] ?? '')) return []
  return [...said.matchAll(/^pod=(.*)$/gm)].flatMap(([, pod = '']) => {
    const [namespace = '', name = '', isOnHost, address = ''] = pod.split('|')
    return isOnHost !== 'true' && isIPv4(address) && !isInRange(address, range)
      ? [[namespace, name] as const]
      : []
  })
}

/** Milliseconds in which the API, that has just answered, is asked again. */
const patience = 20_000

const noAnswer = (server: string, node: string, said: string): KitError =>
  new KitError(`${server} does not tell the pods of ${node}: kubectl failed`, {
    exitCode: exitCodes.unreachable,
    details: [
      ...lastLines(said, 2),
      `${node} is in the cluster. A pod with an address of its range before is Ready, and no other node reaches it.`,
    ],
    hint: `delete such pods: kubectl get node ${node} -o jsonpath={.spec.podCIDR}; kubectl get pods -A -o wide --field-selector spec.nodeName=${node}; then run module 9 again`,
  })

/**
 * Deletes the pods of a node whose addresses are not in its pod CIDR, after its machine has joined again: their
 * controllers create them again with an address that can be reached.
 * @param server a healthy one
 * @throws KitError exit 6 when the server does not tell them within 20 s, exit 9 when a deletion fails; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws
 *   (Writes.make)
 */
export async function deleteStrayPods(server: Host, node: string): Promise<void> {
  const shown = 'ask for pods whose address is of another range'
  const ask = () => readScript(server, script, [node], { timeoutSeconds: 30, shown })
  // The next run does not ask again: it starts nothing.
  const { code, stdout, stderr } = await pollUntil(ask, {
    until: (answer) => answer.code === 0,
    milliseconds: patience,
    every: 2000,
  })
  if (code !== 0) throw noAnswer(server.name, node, stderr)
  for (const [namespace, name] of strayPods(stdout)) {
    const words = kubectlWords(
      'delete',
      'pod',
      name,
      '--namespace',
      namespace,
      '--ignore-not-found',
      '--wait=false',
    )
    await server.change(`delete pod ${namespace}/${name}, whose address no other node reaches`, words)
  }
}
