import type { Host } from '../../../lib/hosts/host.mts'
import { paths } from '../host/paths.mts'

/** kubectl on a server itself: it needs nothing of this machine. */
export const kubectlWords = (...words: string[]): string[] => [
  paths.binary,
  'kubectl',
  '--kubeconfig',
  paths.kubeconfig,
  ...words,
]

/**
 * Takes the Node of a machine that was installed anew, or leaves, out of the cluster: the password it had registered
 * with is gone with it, and K3s refuses another one under the same name. A server's etcd member goes with its Node.
 *
 * Its pods go as well: Kubernetes removes them only where their Node stays away for 40 s (PodGC). On a machine that is
 * back before, they would begin again on volumes whose folders went with the old disk, and never get well.
 * @param server one that is healthy
 */
export async function forgetNode(server: Host, name: string): Promise<void> {
  const secret = ['secret', `${name}.node-password.k3s`, '--namespace', 'kube-system']
  const pods = ['pods', '--all-namespaces', '--field-selector', `spec.nodeName=${name}`]
  await deleteThere(server, `node ${name}`, ['node', name, '--ignore-not-found'])
  await deleteThere(server, `secret ${name}.node-password.k3s`, [...secret, '--ignore-not-found'])
  // Nobody is left who could say that their processes have ended.
  await deleteThere(server, `the pods of ${name}`, pods, ['--grace-period=0', '--force', '--wait=false'])
}

/** Deletes what these words name, where anything of it is there. */
async function deleteThere(
  server: Host,
  what: string,
  words: readonly string[],
  how: readonly string[] = [],
): Promise<void> {
  const { stdout } = await server.read(kubectlWords('get', ...words, '-o', 'name'))
  if (stdout.trim() === '') return
  await server.change(`delete ${what}`, kubectlWords('delete', ...words, ...how), { timeoutSeconds: 120 })
}
