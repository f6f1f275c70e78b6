import { systemNamespace } from './names.mts'

// Pure: the Lease of coordination.k8s.io that says which run works on a cluster.

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
    /** Empty: nobody's. */
    readonly holderIdentity: string
    readonly leaseDurationSeconds: number
    readonly acquireTime: string
    /** Compared for change only, never with a clock: the clocks of two admin hosts may differ by a day. */
    readonly renewTime: string
  }
}

/** Seconds without renewal after which a waiter may take it over. */
const duration = 15

const processAnnotation = 'keybuzz.io/process'

/** Kubernetes wants microseconds here. */
const microTime = (): string => new Date().toISOString().replace('Z', '000Z')

/** The lease as `holder` takes it, over the version that was found; a new one when there was none. */
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

export const renewed = ({ spec, ...lease }: Lease): Lease => ({
  ...lease,
  spec: { ...spec, renewTime: microTime() },
})

export const released = ({ spec, ...lease }: Lease): Lease => ({
  ...lease,
  spec: { ...spec, holderIdentity: '' },
})

export const isHeld = ({ spec }: Lease): boolean => (spec.holderIdentity ?? '') !== ''

/** Who holds it, and since when. */
export const holderOf = ({ spec }: Lease): string =>
  `${spec.holderIdentity} since ${spec.acquireTime.slice(0, 19)}Z`

/** The process that holds it, as lib/process-identity.mts names it. */
export const processOf = ({ metadata }: Lease): string | undefined =>
  metadata.annotations?.[processAnnotation]
