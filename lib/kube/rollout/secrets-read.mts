import type { LiveObject, PodSpec } from '../types.mts'

// Pure: which Secrets a pod reads.

/** The names of the Secrets that a pod's containers and volumes read, each once; not those for pulling images. */
export function secretsRead(pod: LiveObject): string[] {
  const { containers = [], initContainers = [], volumes = [] } = (pod['spec'] ?? {}) as Partial<PodSpec>
  const all = [...initContainers, ...containers]
  return [
    ...new Set(
      [
        ...all.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name)),
        ...all.flatMap(({ envFrom = [] }) => envFrom.map(({ secretRef }) => secretRef?.name)),
        ...volumes.map(({ secret }) => secret?.secretName),
        ...volumes.flatMap(({ projected }) => (projected?.sources ?? []).map(({ secret }) => secret?.name)),
      ].flatMap((name) => name ?? []),
    ),
  ]
}
