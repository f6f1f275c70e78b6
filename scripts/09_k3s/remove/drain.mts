import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Host } from '../../../lib/hosts/host.mts'
import { log } from '../../../lib/base/log.mts'
import { paths } from '../host/paths.mts'
import { askKubectl, kubectlWords } from '../nodes/kubectl.mts'

/**
 * Drains a Node: evicts its pods, as far as PodDisruptionBudgets allow it. When that fails or takes too long the Node
 * is uncordoned, and nothing was removed. Does nothing when the Node is gone or already drained.
 * @param server a healthy one, on which kubectl runs
 * @param seconds until the drain fails
 * @throws KitError exit 9 with the output of kubectl when it fails, refuses a pod or takes too long; exit 6 when the
 *   server does not tell the Node or its pods, or its connection is lost; exit 3, 9, 130 or 143, see Host.read; what
 *   the gate throws (Writes.make)
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
    const isLate = performance.now() - started >= seconds * 1000
    if (isOf(thrown, exitCodes.unreachable)) throw lost(name, thrown)
    if (!isOf(thrown, exitCodes.rolloutFailed)) throw thrown
    const after = await takeBack(server, leaving)
    throw new KitError(...reasonOf(thrown, { name, after, late: isLate ? seconds : undefined }))
  }
  if (!planning) log.ok(`${name} carries no application any more`, started)
}

const isOf = (thrown: unknown, exitCode: KitError['exitCode']): thrown is KitError =>
  thrown instanceof KitError && thrown.exitCode === exitCode

/** The connection to the server is gone, and with it the way to uncordon the Node. */
function lost(name: string, cause: KitError): KitError {
  const { message, exitCode, details } = cause
  const left = `${name} may be cordoned, and some of its pods gone to other nodes. K3s is still on it.`
  const hint = 'run the same command again: it goes on from here'
  return new KitError(message, { exitCode, details: [...details, left], hint, cause })
}

/** How kubectl names pods that it evicts only with another flag: no controller would start them on another node. */
const refusal = /\(use --\S+ to override\)/

/** Message and options of the error for a drain that failed. @param late the seconds it had, when they have passed */
function reasonOf(
  cause: KitError,
  { name, after, late }: { name: string; after: string; late: number | undefined },
): ConstructorParameters<typeof KitError> {
  const { exitCode } = cause
  const details = [...cause.details, after]
  if (late !== undefined) {
    const hint =
      'give the application named above another ready pod elsewhere, or more time: DRAIN_SECONDS; then run the same command again'
    return [`the pods of ${name} did not go within ${late} s`, { exitCode, details, hint, cause }]
  }
  if (cause.details.some((line) => refusal.test(line))) {
    const hint =
      'nothing starts the pods named above on another node: delete them, or give them a controller, such as a Deployment; then run the same command again'
    return [`kubectl does not evict some pods of ${name}`, { exitCode, details, hint, cause }]
  }
  const hint = 'repair what kubectl names above, then run the same command again'
  return [`${name} could not be drained`, { exitCode, details, hint, cause }]
}

/**
 * Uncordons the Node, and takes the mark of its removal from the host.
 * @returns whether it takes pods again, in one sentence: a failure does not hide why the drain failed
 * @throws KitError exit 3, 130 or 143, see Host.read; what the gate throws (Writes.make)
 */
async function takeBack(server: Host, leaving: Host): Promise<string> {
  const { name } = leaving
  try {
    await server.change(`let ${name} take pods again`, kubectlWords('uncordon', name))
    await leaving.change(`take back ${paths.leaving}`, ['rm', '-f', paths.leaving])
    return `${name} takes pods again.`
  } catch (thrown) {
    if (!isOf(thrown, exitCodes.unreachable) && !isOf(thrown, exitCodes.rolloutFailed)) throw thrown
    return `${name} is still marked as leaving, and may be cordoned: ${[thrown.message, ...thrown.details].join('; ')}`
  }
}

/**
 * True for a Node that is gone, or that is cordoned and has no pods except those of DaemonSets.
 * @throws as askKubectl
 */
async function isEmpty(server: Host, name: string): Promise<boolean> {
  const cordoned = 'jsonpath={.metadata.name}={.spec.unschedulable}'
  const asked = ['get', 'node', name, '--ignore-not-found', '-o', cordoned]
  const node = await askKubectl(server, `the Node of ${name}`, asked)
  if (node === '') return true
  const owners = 'jsonpath={range .items[*]}{.metadata.ownerReferences[0].kind}|{end}'
  const on = ['--all-namespaces', '--field-selector', `spec.nodeName=${name}`, '-o', owners]
  const pods = await askKubectl(server, `the pods of ${name}`, ['get', 'pods', ...on])
  return node === `${name}=true` && /^(DaemonSet\|)*$/.test(pods)
}
