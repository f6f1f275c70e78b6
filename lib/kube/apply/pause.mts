import { exitCodes, KitError } from '../../base/errors.mts'
import { few } from '../../base/few.mts'
import { log } from '../../base/log.mts'
import { pollUntil } from '../../base/poll.mts'
import type { Writes } from '../../base/writes.mts'
import { createDeadNodeCheck, PodCannotEnd } from '../dead-node.mts'
import { graceSecondsOf, marginSeconds } from '../ending.mts'
import type { Kubectl } from '../kubectl.mts'
import { replicasManager, sendObjects } from '../objects.mts'
import { createKubeReader } from '../reader.mts'
import { nameOf, type LiveObject, type Manifest, type Pod } from '../types.mts'

/** How many pods a line names. */
const named = 3

interface DeploymentSpec {
  readonly replicas?: number
  readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> }
}

const specOf = (live: LiveObject): DeploymentSpec => live['spec'] as unknown as DeploymentSpec

/**
 * Scales Deployments to 0 and waits until their pods are gone. A later apply scales them up again: an autoscaled one to
 * its minimum, another to the replicas it declares. After a run that was killed in between, the next one does the same.
 * @param deployments live objects
 * @param margin seconds beyond their longest grace period until the wait fails
 * @throws KitError exit 9 when pods are still there after that time; PodCannotEnd (9) when their node does not answer;
 * exit 130 or 143 on a signal; see also sendObjects, Api and Writes.make
 */
export async function pauseDeployments(
  deployments: readonly LiveObject[],
  { kubectl, writes, margin = marginSeconds }: { kubectl: Kubectl; writes: Writes; margin?: number },
): Promise<void> {
  const started = performance.now()
  const running = deployments.filter((live) => specOf(live).replicas !== 0)
  if (running.length > 0) {
    const changes = running.map((live) => ({
      sign: '~' as const,
      what: nameOf(live),
      fields: [`spec.replicas   ${specOf(live).replicas ?? 1} -> 0 until the Job is done`],
    }))
    await writes.make(changes, async () => {
      await sendObjects(kubectl, running.map(withoutPods), { dryRun: false, manager: replicasManager })
    })
  }
  if (writes.planning) return
  const names = deployments.map(({ metadata }) => `deployment/${metadata.name}`).join(', ')
  const onDeadNode = createDeadNodeCheck(kubectl)
  const seconds = margin + graceSecondsOf(deployments)
  const ask = async () => {
    const pods = await podsOf(kubectl, deployments)
    const found = await onDeadNode(pods as unknown as Pod[], (performance.now() - started) / 1000)
    if (found !== undefined) throw new PodCannotEnd(names, found, [notStarted])
    return pods
  }
  const left = await pollUntil(ask, {
    until: ({ length }) => length === 0,
    milliseconds: seconds * 1000,
    every: 1000,
    waiting: (pods) => `${names}: ${pods.length} pods are still ending: ${few(pods.map(placeOf), named)}`,
  })
  if (left.length === 0) return log.ok(`${names} at 0 until the Job is done`, started)
  throw new KitError(`${names}: ${left.length} pods have not ended after ${seconds} s`, {
    exitCode: exitCodes.rolloutFailed,
    details: [...left.map(placeOf), notStarted],
    hint: 'see why: kubectl describe that pod; then run the same command again',
  })
}

const notStarted = 'The Job was not started.'

/** `Pod a/worker-1 on k8s-2` */
function placeOf(pod: LiveObject): string {
  const { nodeName } = (pod['spec'] ?? {}) as NonNullable<Pod['spec']>
  return `${nameOf(pod)}${nodeName === undefined ? '' : ` on ${nodeName}`}`
}

const withoutPods = ({ apiVersion, kind, metadata: { name, namespace } }: LiveObject): Manifest =>
  ({ apiVersion, kind, metadata: { name, namespace }, spec: { replicas: 0 } }) as Manifest

/** The pods these Deployments select, those being deleted too. */
async function podsOf(kubectl: Kubectl, deployments: readonly LiveObject[]): Promise<LiveObject[]> {
  const reader = createKubeReader(kubectl)
  const found = await Promise.all(
    deployments.map((live) => {
      const { namespace = '' } = live.metadata
      return reader.list('pods', { namespace, labels: specOf(live).selector.matchLabels ?? {} })
    }),
  )
  return found.flat()
}
