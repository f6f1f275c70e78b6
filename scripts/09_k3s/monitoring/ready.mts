import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import type { Condition } from '../../../lib/base/poll.mts'
import { shortened } from '../../../lib/base/sensitive.mts'
import type { Kube } from '../../../lib/kube/apply/kube.mts'
import type { KubeReader } from '../../../lib/kube/reader.mts'
import { conditionOf, type LiveObject, type Manifest } from '../../../lib/kube/types.mts'
import { outdated } from './current.mts'
import { alertmanagerName, monitoringNamespace, prometheusName } from './names.mts'

// When the monitoring is ready: the operator has made of both resources what they say, and both run with it.

/** The DaemonSet of node-exporter, for everyNodeServes. */
export const everyNodeExporter = {
  what: 'node-exporter on every node',
  namespace: monitoringNamespace,
  name: 'node-exporter',
  hint: `kubectl --namespace ${monitoringNamespace} describe pods -l app.kubernetes.io/name=prometheus-node-exporter; port 9100 of every node must be free`,
}

/** The two resources of the operator. */
export const resources = [
  ['Prometheus', 'prometheuses.monitoring.coreos.com', prometheusName],
  ['Alertmanager', 'alertmanagers.monitoring.coreos.com', alertmanagerName],
] as const

/**
 * Why a resource is not what was applied, in a few words; empty when it is. Reconciled is True in a crash loop too, and
 * Available says nothing of a configuration that was refused: both are needed, of the newest generation. Pure.
 */
export function unreconciled(kind: string, live: LiveObject | undefined): string {
  if (live === undefined) return `${kind}: not there`
  for (const type of ['Reconciled', 'Available']) {
    const found = conditionOf(live, type) as
      (ReturnType<typeof conditionOf> & { observedGeneration?: number }) | undefined
    if (found === undefined || (found.observedGeneration ?? 0) < (live.metadata.generation ?? 0))
      return `${kind}: ${type} not told yet`
    if (found.status !== 'True')
      return `${kind}: ${type} ${found.status}: ${shortened(found.message ?? found.reason ?? 'no reason', 200)}`
  }
  return ''
}

/** What the operator has not made yet, for both resources. @throws as KubeReader.get */
export async function notReconciled(kube: KubeReader): Promise<string> {
  const seen = await Promise.all(
    resources.map(async ([kind, called, name]) =>
      unreconciled(kind, await kube.get(called, name, monitoringNamespace)),
    ),
  )
  return seen.filter(Boolean).join('; ')
}

/** The condition that both resources are reconciled and available. Its `missing` throws as KubeReader. */
export const resourcesAreReady = (kube: KubeReader): Condition => ({
  what: 'Prometheus and Alertmanager',
  seconds: 300,
  hint: `kubectl --namespace ${monitoringNamespace} get prometheus,alertmanager -o yaml names the reason in its conditions; kubectl --namespace ${monitoringNamespace} get pods,pvc; then run the same command again`,
  missing: () => notReconciled(kube),
})

/** Pods of the two, whose files the kubelet renews at once when a pod is written to. */
const pods = [`prometheus-${prometheusName}-0`, `alertmanager-${alertmanagerName}-0`]

/** An annotation of a pod: its value names what the operator has written, so that each state is noted once. */
const noted = (name: string, value: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: monitoringNamespace, name, annotations: { 'keybuzz.io/refresh': value } },
})

/** The operator's own objects with the configurations. */
const written = [
  ['secrets', `prometheus-${prometheusName}`],
  ['configmaps', `prometheus-${prometheusName}-rulefiles-0`],
  ['secrets', `alertmanager-${alertmanagerName}-generated`],
] as const

/**
 * The condition that Prometheus and Alertmanager run with what was applied. While they do not, their pods get an
 * annotation each time the operator has written: the kubelet then renews their files at once, instead of within 90 s.
 * @throws its `missing`: KitError exit 5, see Kube.setFields; as KubeReader
 */
export function configurationIsCurrent(kube: Kube): Condition {
  let last = ''
  return {
    what: 'the newest configuration of Prometheus and Alertmanager',
    seconds: 240,
    hint: `kubectl --namespace ${monitoringNamespace} get events: the operator names a rule it rejected; kubectl --namespace ${monitoringNamespace} logs ${pods[0]} -c config-reloader; then run the same command again`,
    async missing() {
      const { missing } = await outdated(kube)
      if (missing === '') return ''
      const found = await Promise.all(
        written.map(([kind, name]) => kube.get(kind, name, monitoringNamespace)),
      )
      const value = found.map((one) => one?.metadata.resourceVersion ?? '0').join('-')
      if (value !== last && (await annotate(kube, value))) last = value
      return missing
    },
  }
}

/**
 * Writes to the pods that are there: one that its StatefulSet is replacing gets the newest files when it starts.
 * @returns false when one of them was gone before it was written to
 * @throws KitError exit 5, see Kube.setFields; as KubeReader
 */
async function annotate(kube: Kube, value: string): Promise<boolean> {
  const there = await Promise.all(pods.map((name) => kube.get('pods', name, monitoringNamespace)))
  const named = there.flatMap((pod) => (pod === undefined ? [] : [noted(pod.metadata.name, value)]))
  if (named.length === 0) return true
  try {
    await kube.setFields(named)
    return true
  } catch (thrown) {
    if (thrown instanceof KitError && thrown.exitCode === exitCodes.rolloutFailed) return false
    throw thrown
  }
}
