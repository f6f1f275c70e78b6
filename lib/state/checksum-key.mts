import { randomBytes } from 'node:crypto'
import { systemNamespace } from '../base/names.mts'
import { sensitive, type Sensitive } from '../base/sensitive.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { sendObjects } from '../kube/objects.mts'
import type { LiveObject, Secret } from '../kube/types.mts'

// The key of the checksums in pod templates (kube/apply/keyed.mts): one for each cluster, made once, so that every admin
// host and environment sends the same. Without it a new one is made, and pods restart once.

/** The key of a cluster's checksums. */
export interface ChecksumKey {
  readonly value: Sensitive
  /** Saves a new key before the first object is sent; does nothing when the cluster has one. @throws as sendObjects */
  save(): Promise<void>
}

const name = 'checksum-key'

/** Characters: a shorter key was damaged by hand, and another one replaces it. */
const shortest = 32

/**
 * The checksum key of a cluster, or a new one for it.
 * @param objects those of the kit's own namespace, among others
 */
export function checksumKeyOf(kubectl: Kubectl, objects: readonly LiveObject[]): ChecksumKey {
  const live = objects.find(
    ({ kind, metadata }) =>
      kind === 'Secret' && metadata.namespace === systemNamespace && metadata.name === name,
  )
  const data = (live?.['data'] ?? {}) as Readonly<Record<string, string>>
  const found = Buffer.from(data['key'] ?? '', 'base64').toString()
  if (found.length >= shortest) return { value: sensitive(found), save: () => Promise.resolve() }
  const made = randomBytes(32).toString('hex')
  let isSaved = false
  return {
    value: sensitive(made),
    async save() {
      if (isSaved) return
      await sendObjects(kubectl, [secretOf(made)], { dryRun: false })
      isSaved = true
    },
  }
}

const secretOf = (key: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    namespace: systemNamespace,
    name,
    labels: { 'app.kubernetes.io/managed-by': 'keybuzz' },
  },
  type: 'keybuzz.io/checksum-key',
  data: { key: Buffer.from(key).toString('base64') },
})
