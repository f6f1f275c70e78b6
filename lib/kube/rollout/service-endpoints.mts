import { pollUntil } from '../../base/poll.mts'
import { exitCodes, KitError } from '../../base/errors.mts'
import type { Deployment, LiveObject, Pod, Service } from '../types.mts'
import type { Kubectl } from '../kubectl.mts'
import { isPodReady, isSelected } from './progress.mts'

// A pod gets visitors when an EndpointSlice lists it. Another controller writes that than the one that counts the pods
// of a Deployment: one that has just lost its leader, or etcd, may have done the one and not the other.

/** Milliseconds: two terms of office of a kube-controller-manager that was lost (15 s each), and its start. */
const patience = 60_000

interface EndpointSlice {
  readonly endpoints?: readonly {
    readonly conditions?: { readonly ready?: boolean }
    readonly targetRef?: { readonly kind?: string; readonly name?: string }
  }[]
}

/**
 * Where the Services of some Deployments send their visitors to, against where they should. Pure.
 * @param found Deployments, Services, Pods and EndpointSlices of one namespace
 * @returns `service/n8n does not send to n8n-6f9c yet`; empty when every Service knows its ready pods, and no other
 */
export function endpointLag(found: readonly LiveObject[], deployments: readonly string[]): string {
  const templates = found
    .filter(({ kind, metadata }) => kind === 'Deployment' && deployments.includes(metadata.name))
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
      .filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined && isSelected(metadata.labels, selector),
      )
      .filter((pod) => isPodReady(pod as unknown as Pod))
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
 * Waits until the Services of some Deployments' pods send to those that are ready, and to no other.
 * @throws KitError exit 9 when they do not within a minute
 */
export async function waitForEndpoints(
  kubectl: Kubectl,
  namespace: string,
  deployments: readonly string[],
): Promise<void> {
  const kinds = 'deployments.apps,services,pods,endpointslices.discovery.k8s.io'
  const ask = async () => {
    const found = await kubectl.json<{ items: LiveObject[] }>(['get', kinds, '--namespace', namespace])
    return endpointLag(found?.items ?? [], deployments)
  }
  const lag = await pollUntil(ask, {
    until: (answer) => answer === '',
    milliseconds: patience,
    every: 1000,
    waiting: (answer) => answer,
  })
  if (lag === '') return
  throw new KitError(`${lag}, for ${patience / 1000} s`, {
    exitCode: exitCodes.rolloutFailed,
    details: ['The pods are ready; the cluster’s controllers do not tell its Services.'],
    hint: 'look at the masters: journalctl -u k3s, and that etcd has its majority; then run the same command again',
  })
}
