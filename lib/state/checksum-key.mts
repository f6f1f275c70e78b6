import { randomBytes } from 'node:crypto'
import { systemNamespace } from '../base/names.mts'
import { sensitive, type Sensitive } from '../base/sensitive.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { sendObjects } from '../kube/objects.mts'
import type { LiveObject, Secret } from '../kube/types.mts'

// The key of the checksums in pod templates (kube/apply/keyed.mts): one for each cluster, made once, so that every
// admin host and environment sends the same checksums. When it is missing, a new one is made and pods restart once.

/** The key of a cluster's checksums. */
export interface ChecksumKey {
  readonly value: Sensitive
  /**
   * Saves a new key, which must be done before the first object is sent; does nothing when the cluster has one.
   * @throws KitError exit 3 or 5 to 9 from kubectl; Cancelled (130) or KitError exit 143 on a signal
   */
  save(): Promise<void>
}

const name = 'checksum-key'

/** Fewest characters of a key: a shorter one was damaged by hand, and a new one replaces it. */
const shortest = 32

/**
 * The checksum key of a cluster, or a new one that `save` writes to it.
 * @param objects live objects, with those of the kit's own namespace among them
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
