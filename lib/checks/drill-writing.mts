import { sendObjects } from '../kube/objects.mts'
import { nameOf, type LiveObject } from '../kube/types.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import type { Writes } from '../base/writes.mts'

/** Writes to one object, with which a drill tests whether the API server accepts any. */
export interface Writing {
  /** Writes once, to all members of etcd. @throws KitError exit 5 to 9, also when it takes longer than `seconds` */
  write(seconds: number): Promise<void>
  /** Deletes the object, also after Ctrl-C. @throws KitError exit 5 to 9, see Api */
  end(): Promise<void>
}

/**
 * Creates the ConfigMap that is written to. One that a killed run left is taken over.
 * @throws KitError exit 5 to 9 from kubectl; what the gate throws (Writes.make)
 */
export async function startWriting(
  kubectl: Kubectl,
  repairs: Writes,
  metadata: { readonly namespace: string; readonly name: string },
): Promise<Writing> {
  const object: LiveObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata }
  await repairs.make([{ sign: '+', what: nameOf(object) }], async () => {
    await sendObjects(kubectl, [object], { dryRun: false })
  })
  return {
    // Not by the gate, which renews the lock: that is a write of its own, and repeated for a minute.
    async write(timeoutSeconds) {
      const written = { ...object, data: { written: new Date().toISOString() } }
      await kubectl.api.replace(written, { once: true, timeoutSeconds })
    },
    end: () => kubectl.api.remove(object, false, { runDespiteInterrupt: true }).then(() => undefined),
  }
}
