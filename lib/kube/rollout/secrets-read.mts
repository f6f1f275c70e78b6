import type { LiveObject, PodSpec } from '../types.mts'

// Pure: which Secrets a pod reads.

/**
 * The names of the Secrets that a pod's containers and volumes read, each once; not those for pulling images.
 * @param which `needed`: without those that its containers start without
 */
export function secretsRead(pod: LiveObject, which: 'all' | 'needed'): string[] {
  const { containers = [], initContainers = [], volumes = [] } = (pod['spec'] ?? {}) as Partial<PodSpec>
  const all = [...initContainers, ...containers]
  const isWanted = (one?: { readonly optional?: boolean }) => which === 'all' || one?.optional !== true
  return [
    ...new Set(
      [
        ...all.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef)),
        ...all.flatMap(({ envFrom = [] }) => envFrom.map(({ secretRef }) => secretRef)),
        ...volumes.map(({ secret }) => secret && { ...secret, name: secret.secretName }),
        ...volumes.flatMap(({ projected }) => (projected?.sources ?? []).map(({ secret }) => secret)),
      ].flatMap((one) => (isWanted(one) ? (one?.name ?? []) : [])),
    ),
  ]
}
