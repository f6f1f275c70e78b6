import { systemNamespace } from '../base/names.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { sendObjects } from '../kube/objects.mts'
import type { Manifest } from '../kube/types.mts'

// When each module passed its checks last, as a Lease: kube-state-metrics shows its renewTime, so that an alert can tell
// of a module nobody has validated for long. It is in no revision, and nothing of the kit reads it.

/** The name of a module's Lease. @param module its folder, and its environment: `12_n8n-staging` */
export const validationLease = (module: string): string => `validated-${module}`

/**
 * Records that every check of a module has passed now.
 * @param module folder name: `12_n8n`
 * @throws KitError exit 3 or 5 to 9, 130 or 143, see sendObjects
 */
export async function recordValidation(kubectl: Kubectl, module: string, env: string): Promise<void> {
  const name = validationLease(`${module}-${env}`.replaceAll('_', '-').toLowerCase())
  await sendObjects(kubectl, [leaseOf(name, new Date())], { dryRun: false })
}

const leaseOf = (name: string, when: Date): Manifest =>
  ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: systemNamespace, name },
    // Six digits of a second, as Kubernetes writes a MicroTime.
    spec: { renewTime: when.toISOString().replace('Z', '000Z') },
  }) as Manifest
