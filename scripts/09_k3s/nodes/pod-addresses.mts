import { isIPv4 } from 'node:net'
import type { Host } from '../../../lib/hosts/host.mts'
import { readScript } from '../../../lib/hosts/remote-script.mts'
import { isInRange } from '../host/cidr.mts'
import { kubectlWords } from './kubectl.mts'

// A machine that comes back gets a new Node, and with it another range of pods. Until its flannel has started, its file
// of the old range stands in /run/flannel/subnet.env: a pod that begins before takes an address of that. It is Ready and
// stands in its Services, and no other node ever reaches it.

const script = `k() { ${kubectlWords('--request-timeout=5s').join(' ')} "$@"; }
k get node "$1" -o 'jsonpath=range={.spec.podCIDR}{"\\n"}'
k get pods --all-namespaces --field-selector "spec.nodeName=$1" -o 'jsonpath={range .items[*]}pod={.metadata.namespace}|{.metadata.name}|{.spec.hostNetwork}|{.status.podIP}{"\\n"}{end}'`

/** Namespace and name of each pod on its node whose address is not of the range of the node. Pure. */
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
 * Deletes the pods of a node that was made anew whose addresses are of the range its machine had before: made again
 * they get one that is reached.
 * @param server one that is healthy
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
