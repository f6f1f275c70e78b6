import { systemNamespace } from '../base/names.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { ObjectModified, ServerRefusal } from '../kube/server-errors.mts'
import type { LiveObject } from '../kube/types.mts'

// The Lease of coordination.k8s.io that names the run which works on a cluster: its data, reading and writing it.

export interface Lease {
  readonly apiVersion: 'coordination.k8s.io/v1'
  readonly kind: 'Lease'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly resourceVersion?: string
  }
  readonly spec: {
    /** Empty when no run holds it. */
    readonly holderIdentity: string
    readonly leaseDurationSeconds: number
    readonly acquireTime: string
    /** Compared for change only, never with a clock: the clocks of two admin hosts may differ by a day. */
    readonly renewTime: string
  }
}

/** True for a write that came too late: another client has created, changed or deleted the Lease. */
const isOvertaken = (thrown: unknown): boolean =>
  thrown instanceof ObjectModified ||
  (thrown instanceof ServerRefusal &&
    ['AlreadyExists', 'NotFound'].includes(thrown.refused.reason) &&
    // Without the namespace there is no Lease to write.
    thrown.refused.object?.startsWith('namespaces ') !== true)

/** Seconds without renewal after which another run may take the lease over. */
const duration = 15

const processAnnotation = 'keybuzz.io/process'
const drillAnnotation = 'keybuzz.io/drill'

/** The current time as a MicroTime of Kubernetes, which has six decimals of a second. */
const microTime = (): string => new Date().toISOString().replace('Z', '000Z')

/**
 * The lease as `holder` acquires it, over the version that was found; a new one when there was none.
 * @param process from process-identity.mts; undefined where there is no /proc
 */
export function leaseFor(found: Lease | undefined, holder: string, process: string | undefined): Lease {
  const now = microTime()
  const version = found?.metadata.resourceVersion
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'installer',
      namespace: systemNamespace,
      labels: { 'app.kubernetes.io/managed-by': 'keybuzz' },
      ...(process === undefined ? {} : { annotations: { [processAnnotation]: process } }),
      ...(version === undefined ? {} : { resourceVersion: version }),
    },
    spec: { holderIdentity: holder, leaseDurationSeconds: duration, acquireTime: now, renewTime: now },
  }
}

/** The lease with the current time as its renewal. */
export const renewed = ({ spec, ...lease }: Lease): Lease => ({
  ...lease,
  spec: { ...spec, renewTime: microTime() },
})

/** The lease of a run that begins a drill. @param id of the drill: `n8n.credential` */
export const inDrill = ({ metadata, ...lease }: Lease, id: string): Lease => ({
  ...lease,
  metadata: { ...metadata, annotations: { ...metadata.annotations, [drillAnnotation]: id } },
})

/** The lease without a holder. */
export const released = ({ spec, metadata, ...lease }: Lease): Lease => {
  const { [drillAnnotation]: _, ...annotations } = metadata.annotations ?? {}
  return { ...lease, metadata: { ...metadata, annotations }, spec: { ...spec, holderIdentity: '' } }
}

/** True while a run holds the lease. */
export const isHeld = ({ spec }: Lease): boolean => spec.holderIdentity !== ''

/** The holder of a lease and since when, for messages. */
export const holderOf = ({ spec }: Lease): string =>
  `${spec.holderIdentity} since ${spec.acquireTime === '' ? 'an unknown time' : `${spec.acquireTime.slice(0, 19)}Z`}`

/** The drill its holder has begun, with the holder; undefined when none is in one. */
export function drillOf(lease: Lease): string | undefined {
  const id = lease.metadata.annotations?.[drillAnnotation]
  return isHeld(lease) && id !== undefined ? `${id} of ${holderOf(lease)}` : undefined
}

/** The process that holds a lease, as process-identity.mts identifies it; undefined when the lease does not say. */
export const processOf = ({ metadata }: Lease): string | undefined =>
  metadata.annotations?.[processAnnotation]

/**
 * Reads the lease from the cluster; undefined when there is none.
 * @throws KitError exit 3, 5 to 9 or 12 from kubectl; Cancelled (130) or KitError exit 143 on a signal
 */
export const readLease = async (kubectl: Kubectl): Promise<Lease | undefined> => {
  const { name, namespace } = leaseFor(undefined, '', undefined).metadata
  return leaseIn(await kubectl.api.get('leases.coordination.k8s.io', name, namespace))
}

/**
 * The lease in an object of the API server. Every field of its spec may be absent (`kubectl edit`, another client): a
 * lease without a duration gets that of the kit, since it could otherwise never be taken over.
 */
export function leaseIn(live: LiveObject | undefined): Lease | undefined {
  if (live === undefined) return undefined
  const { spec = {} } = live as { spec?: Partial<Lease['spec']> }
  const seconds = spec.leaseDurationSeconds
  return {
    ...(live as unknown as Lease),
    spec: {
      ...spec,
      holderIdentity: spec.holderIdentity ?? '',
      leaseDurationSeconds: Number.isSafeInteger(seconds) ? Number(seconds) : duration,
      acquireTime: spec.acquireTime ?? '',
      renewTime: spec.renewTime ?? '',
    },
  }
}

/**
 * Creates a lease, or replaces the version it was made from (resourceVersion).
 * @returns the lease as written; undefined when another client has created, changed or deleted it since
 * @throws KitError exit 3 or 5 to 9 from kubectl for any other error; Cancelled (130) or KitError exit 143 on a signal
 */
export async function writeLease(kubectl: Kubectl, lease: Lease): Promise<Lease | undefined> {
  const isNew = lease.metadata.resourceVersion === undefined
  try {
    return leaseIn(await kubectl.api[isNew ? 'create' : 'replace'](lease, { timeoutSeconds: 10 }))
  } catch (thrown) {
    if (isOvertaken(thrown)) return undefined
    throw thrown
  }
}
