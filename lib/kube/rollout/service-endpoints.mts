import { pollUntil } from '../../base/poll.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import type { Deployment, LiveObject, Service } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { isPodServing } from '../pods.mts'
import { isSelected } from './progress.mts'
import { isWorkload } from '../workloads.mts'

// A pod gets requests when an EndpointSlice lists it. The controller that writes EndpointSlices is not the one that
// writes a Deployment's status: after a loss of the leader, or of etcd, one may be done and the other not.

/** Milliseconds: two lease durations of a lost kube-controller-manager (15 s each), and its start. */
const timeoutMilliseconds = 60_000

interface EndpointSlice {
  readonly endpoints?: readonly {
    readonly conditions?: { readonly ready?: boolean }
    readonly targetRef?: { readonly kind?: string; readonly name?: string }
  }[]
}

/**
 * Compares the endpoints of some workloads' Services with their ready pods. Pure.
 * @param found Deployments, StatefulSets, Services, Pods and EndpointSlices of one namespace
 * @param deployments names of the workloads, also of StatefulSets
 * @returns `service/n8n does not send to n8n-6f9c yet`; empty when every Service lists exactly its ready pods
 */
export function endpointLag(found: readonly LiveObject[], deployments: readonly string[]): string {
  const templates = found
    .filter((one) => isWorkload(one) && deployments.includes(one.metadata.name))
    .map((live) => (live as unknown as Deployment).spec?.template.metadata?.labels)
  const pods = found.filter(({ kind }) => kind === 'Pod')
  const slices = found.filter(({ kind }) => kind === 'EndpointSlice')
  for (const live of found) {
    if (live.kind !== 'Service') continue
    const { name } = live.metadata
    const { selector, publishNotReadyAddresses = false } = (live as unknown as Service).spec ?? {}
    if (selector === undefined || publishNotReadyAddresses) continue
    if (!templates.some((labels) => isSelected(labels, selector))) continue
    const ready = pods
      .filter((pod) => isPodServing(pod) && isSelected(pod.metadata.labels, selector))
      .map(({ metadata }) => metadata.name)
    const listed = slices
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
      .flatMap((slice) => (slice as unknown as EndpointSlice).endpoints ?? [])
      .flatMap(({ conditions, targetRef }) => (conditions?.ready === false ? [] : (targetRef?.name ?? [])))
    const unknown = ready.find((pod) => !listed.includes(pod))
    if (unknown !== undefined) return `service/${name} does not send to ${unknown} yet`
    const gone = listed.find((pod) => !ready.includes(pod))
    if (gone !== undefined) return `service/${name} still sends to ${gone}, which is not ready`
  }
  return ''
}

/**
 * Waits until the Services of some workloads send to exactly their ready pods.
 * @param deployments names of the workloads, also of StatefulSets
 * @throws KitError exit 9 when they do not within 60 s; exit 130 or 143 on a signal; see also Api
 */
export async function waitForEndpoints(
  kubectl: Kubectl,
  namespace: string,
  deployments: readonly string[],
): Promise<void> {
  const kinds = 'deployments.apps,statefulsets.apps,services,pods,endpointslices.discovery.k8s.io'
  const ask = async () => endpointLag(await kubectl.api.list(kinds, { namespace }), deployments)
  const lag = await pollUntil(ask, {
    until: (answer) => answer === '',
    milliseconds: timeoutMilliseconds,
    every: 1000,
    waiting: (answer) => answer,
  })
  if (lag === '') return
  throw new KitError(`${lag}, for ${timeoutMilliseconds / 1000} s`, {
    exitCode: exitCodes.rolloutFailed,
    details: ['The pods are ready; the cluster’s controllers do not tell its Services.'],
    hint: 'look at the masters: journalctl -u k3s, and that etcd has its majority; then run the same command again',
  })
}
