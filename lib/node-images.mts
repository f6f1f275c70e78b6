import { imageName } from './image-name.mts'
import type { LiveObject } from './k8s.mts'

// Pure: what nodes say of themselves, as far as an image matters.

interface NodeParts {
  readonly spec?: { readonly unschedulable?: boolean; readonly taints?: readonly { effect: string }[] }
  readonly status?: {
    readonly conditions?: readonly { type: string; status: string }[]
    readonly images?: readonly { names?: readonly string[] | null }[]
  }
}

/** A node that a pod without tolerations can come to. */
export function takesPods(node: LiveObject): boolean {
  const { spec, status } = node as NodeParts
  const closed = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false
  const ready = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false
  return ready && !closed && spec?.unschedulable !== true
}

/** True when a node says that it has an image. It lists the 50 largest it has. */
export const has = (node: LiveObject, image: string): boolean =>
  ((node as NodeParts).status?.images ?? []).some(({ names }) => names?.includes(imageName(image).full))
