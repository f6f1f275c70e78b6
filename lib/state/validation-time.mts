import { KitError, messageOf, unlessInterrupted } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { systemNamespace } from '../base/names.mts'
import type { Writes } from '../base/writes.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { deleteObjects, sendObjects } from '../kube/objects.mts'
import { nameOf, type LiveObject, type Manifest } from '../kube/types.mts'
import { isValidated, type Revision } from './revision.mts'

// When each module passed its checks last, as a Lease: kube-state-metrics shows its renewTime, so that an alert can tell
// of a module nobody has validated for long. It is in no revision, and nothing of the kit reads it. Clusters without
// such an alert have none.

/** The name of a module's Lease. @param module its folder, and its environment: `12_n8n-staging` */
export const validationLease = (module: string): string => `validated-${module}`

/** Annotation of an object of a module that alerts of old validations: where it was applied, they are recorded. */
export const watchesValidations = 'keybuzz.io/watches-validations'

/** What the record of a module's validation depends on. */
export interface Validation {
  readonly kubectl: Kubectl
  /** The gate of writes that belong to no revision. */
  readonly repairs: Pick<Writes, 'make'>
  /** Every revision of every module on the cluster, as this run found them, oldest first. */
  readonly known: readonly Revision[]
  /** The module's revision as this run has left it. */
  readonly current: Revision | undefined
}

/**
 * Records that a module has passed its checks now, where an alert watches that, and unless its revision is pending.
 * Everything has passed already: when it cannot be recorded, that is a warning.
 * @throws Cancelled (130) or KitError exit 143 on a signal
 */
export async function recordValidation({ kubectl, repairs, known, current }: Validation): Promise<void> {
  if (current === undefined || !isValidated(current) || !isWatched(known, current)) return
  const lease = leaseOf(current, new Date())
  const send = async () => void (await sendObjects(kubectl, [lease], { dryRun: false }))
  await repairs.make([{ sign: '~', what: nameOf(lease) }], send).catch(
    unlessInterrupted((thrown) => {
      if (!(thrown instanceof KitError)) throw thrown
      log.warn(`all passed; when, was not recorded for the alerts: ${messageOf(thrown)}`, thrown.hint)
    }),
  )
}

/**
 * Deletes the record of a module that is being uninstalled: nobody can validate it any more. A cluster that never had
 * an alert which watches it has none.
 * @throws KitError exit 3 or 5 to 9, see deleteObjects; what the gate throws (Writes.make)
 */
export async function forgetValidation({ kubectl, repairs, known, current }: Validation): Promise<void> {
  if (current === undefined || ![...known, current].some(watches)) return
  const lease = leaseOf(current, new Date()) as LiveObject
  await repairs.make(
    [{ sign: '-', what: nameOf(lease) }],
    async () => void (await deleteObjects(kubectl, [lease], { wait: false })),
  )
}

/** True when the newest revision of any module has an object that alerts of old validations. */
function isWatched(known: readonly Revision[], current: Revision): boolean {
  const newest = new Map([...known, current].map((one) => [`${one.module} ${one.env}`, one]))
  return [...newest.values()].some(watches)
}

const watches = ({ manifests }: Revision): boolean =>
  manifests.some(({ metadata }) => metadata?.annotations?.[watchesValidations] === 'true')

const leaseOf = ({ module, env }: Pick<Revision, 'module' | 'env'>, when: Date): Manifest =>
  ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      namespace: systemNamespace,
      name: validationLease(`${module}-${env}`.replaceAll('_', '-').toLowerCase()),
    },
    // Six digits of a second, as Kubernetes writes a MicroTime.
    spec: { renewTime: when.toISOString().replace('Z', '000Z') },
  }) as Manifest
