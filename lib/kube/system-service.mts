import type { LiveObject } from './types.mts'
import { isScaledToZero } from './workloads.mts'

// Whether the Services on which every module depends have a pod that answers. Pure. Judged by their EndpointSlices:
// each distribution names the Deployment behind them otherwise, or has another program there.

/** A Service of kube-system, at one moment. */
export interface SystemService {
  /** Undefined where the cluster has no such Service: it may have another one in its place. */
  readonly isServing: boolean | undefined
  /** Names of the nodes on which its ready pods are, each once. */
  readonly nodes: readonly string[]
  /** The Deployment that wants no pod, when none serves. */
  readonly scaledToZero?: LiveObject
}

interface Endpoint {
  readonly nodeName?: string
  readonly conditions?: { readonly ready?: boolean }
}

/**
 * The state of a Service of kube-system.
 * @param found EndpointSlices and Deployments of kube-system; other kinds are passed over
 * @param name of the Service, and the label k8s-app of its Deployment and slices where these have other names
 */
export function systemService(found: readonly LiveObject[], name: string): SystemService {
  const ofApp = found.filter(({ metadata }) => metadata.labels?.['k8s-app'] === name)
  const named = found.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
  const slices = (named.length > 0 ? named : ofApp).filter(({ kind }) => kind === 'EndpointSlice')
  const ready = slices
    .flatMap((slice) => (slice['endpoints'] ?? []) as Endpoint[])
    .filter(({ conditions }) => conditions?.ready !== false)
  const nodes = [...new Set(ready.flatMap(({ nodeName }) => nodeName ?? []))]
  if (ready.length > 0) return { isServing: true, nodes }
  const deployments = ofApp.filter(({ kind }) => kind === 'Deployment')
  if (slices.length === 0 && deployments.length === 0) return { isServing: undefined, nodes }
  const scaledToZero = deployments.find(isScaledToZero)
  return { isServing: false, nodes, ...(scaledToZero === undefined ? {} : { scaledToZero }) }
}
