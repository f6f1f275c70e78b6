import { isIPv4 } from 'node:net'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import { isInRange } from '../host/cidr.mts'
import { kubectlWords } from './kubectl.mts'

// A machine that joins again gets a new Node, and with it another pod CIDR. Until flannel has started,
// /run/flannel/subnet.env still has the old one: a pod that starts earlier gets an address of the old range. It is
// Ready and an endpoint of its Services, but no other node can reach it.

const script = `k() { ${kubectlWords('--request-timeout=5s').join(' ')} "$@"; }
k get node "$1" -o 'jsonpath=range={.spec.podCIDR}{"\\n"}'
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

/**
 * Deletes the pods of a node whose addresses are not in its pod CIDR, after its machine has joined again: their
 * controllers create them again with an address that can be reached.
 * @param server a healthy one
 * @throws KitError exit 9 when a deletion fails; exit 3, 6, 9, 130 or 143, see Host.read; what the gate throws
 *   (Writes.make)
 */
export async function deleteStrayPods(server: Host, node: string): Promise<void> {
  const shown = 'ask for pods whose address is of another range'
  const { stdout } = await readScript(server, script, [node], { timeoutSeconds: 30, shown })
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
