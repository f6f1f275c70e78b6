import { isInterruption, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { log } from '../../../lib/base/log.mts'
import { paths } from '../host/paths.mts'
import { kubectlWords } from '../nodes/kubectl.mts'

/**
 * Drains a Node: evicts its pods, as far as PodDisruptionBudgets allow it. When that fails or takes too long the Node
 * is uncordoned, and nothing was removed. Does nothing when the Node is gone or already drained.
 * @param server a healthy one, on which kubectl runs
 * @param seconds until the drain fails
 * @throws KitError exit 9 with the output of kubectl when it fails; exit 3, 6, 9, 130 or 143, see Host.read; what the
 *   gate throws (Writes.make)
 */
export async function drain(
  server: Host,
  leaving: Host,
  { seconds, planning }: { seconds: number; planning: boolean },
): Promise<void> {
  const { name } = leaving
  if (await isEmpty(server, name)) return
  const started = performance.now()
  if (!planning) log.waiting(`moving the pods of ${name} to other nodes, ${seconds} s at most`)
  const words = ['--ignore-daemonsets', '--delete-emptydir-data', `--timeout=${seconds}s`]
  try {
    await server.change(`drain ${name}`, kubectlWords('drain', name, ...words), {
      timeoutSeconds: seconds + 30,
    })
  } catch (thrown) {
    if (!(thrown instanceof KitError) || isInterruption(thrown)) throw thrown
    await server.change(`let ${name} take pods again`, kubectlWords('uncordon', name))
    await leaving.change(`take back ${paths.leaving}`, ['rm', '-f', paths.leaving])
    throw new KitError(`the pods of ${name} did not go within ${seconds} s`, {
      exitCode: thrown.exitCode,
      details: [...thrown.details, `${name} takes pods again.`],
      hint: 'give the application named above another ready pod elsewhere, or more time: DRAIN_SECONDS; then run the same command again',
      cause: thrown,
    })
  }
  if (!planning) log.ok(`${name} carries no application any more`, started)
}

/** True for a Node that is gone, or that is cordoned and has no pods except those of DaemonSets. */
async function isEmpty(server: Host, name: string): Promise<boolean> {
  const cordoned = 'jsonpath={.metadata.name}={.spec.unschedulable}'
  const node = await server.read(kubectlWords('get', 'node', name, '--ignore-not-found', '-o', cordoned))
  if (node.stdout.trim() === '') return true
  const owners = 'jsonpath={range .items[*]}{.metadata.ownerReferences[0].kind}|{end}'
  const on = ['--all-namespaces', '--field-selector', `spec.nodeName=${name}`, '-o', owners]
  const pods = await server.read(kubectlWords('get', 'pods', ...on))
  return node.stdout.trim() === `${name}=true` && /^(DaemonSet\|)*$/.test(pods.stdout.trim())
}
