import type { LiveObject, Manifest } from './types.mts'

// The kinds of workloads, and how a step names one: `n8n` for a Deployment, or `statefulset/qdrant`.

/** The kinds, with their names in kubectl. */
const resources = { Deployment: 'deployments.apps', StatefulSet: 'statefulsets.apps' } as const

/** A kind of workload. */
export type WorkloadKind = keyof typeof resources

/** A workload by its kind and name. */
export interface Workload {
  readonly kind: WorkloadKind
  readonly name: string
}

const prefix = 'statefulset/'

/** The workload a step means. @param named `n8n` for a Deployment, `statefulset/qdrant` */
export const workloadOf = (named: string): Workload =>
  named.startsWith(prefix)
    ? { kind: 'StatefulSet', name: named.slice(prefix.length) }
    : { kind: 'Deployment', name: named }

/** How a step names a workload: the inverse of workloadOf. */
export const namedBy = ({ kind, metadata }: Manifest): string =>
  `${kind === 'StatefulSet' ? prefix : ''}${metadata?.name ?? ''}`

/** The kind as kubectl names it: `deployments.apps`. */
export const resourceOf = (kind: WorkloadKind): string => resources[kind]

/** True for a Deployment or StatefulSet. */
export const isWorkload = ({ kind }: Manifest | LiveObject): boolean =>
  kind !== undefined && Object.hasOwn(resources, kind)

/** The annotation that keeps the replicas of a Deployment which a drill has scaled to 0. */
export const drilledReplicas = 'keybuzz.io/drill-replicas'

/** True for a workload with 0 replicas: it counts as rolled out, and does not serve. */
export const isScaledToZero = (live: LiveObject): boolean =>
  (live['spec'] as { replicas?: number } | undefined)?.replicas === 0

/** `deployment/n8n` */
export const shownName = ({ kind, metadata }: LiveObject): string => `${kind.toLowerCase()}/${metadata.name}`

/** The command that gives a workload one pod. */
export const scaleUp = (live: LiveObject): string =>
  `kubectl --namespace ${live.metadata.namespace ?? ''} scale ${shownName(live)} --replicas=1`

/** What of a pod, or of the template of a workload or Job, names images. */
interface WithImages {
  readonly containers?: readonly { readonly image?: string }[]
  readonly initContainers?: readonly { readonly image?: string }[]
}

/** The images of a pod, or of the pods of a workload or Job, each once; none for other objects. */
export function imagesIn(object: Manifest | LiveObject): string[] {
  const { spec = {} } = object as { spec?: WithImages & { template?: { spec?: WithImages } } }
  const { containers = [], initContainers = [] } = spec.template?.spec ?? spec
  return [...new Set([...initContainers, ...containers].flatMap(({ image }) => image ?? []))]
}
