import { createHmac } from 'node:crypto'
import type { Sensitive } from '../../base/sensitive.mts'
import { checksumAnnotation } from '../manifests/objects.mts'
import type { Job, Manifest, PodTemplateSpec } from '../types.mts'

// Pure. From a hash of secrets, everyone who may read Deployments or Jobs could guess a weak secret: an HMAC of that
// hash is sent instead, and its key is in a Secret that only those can read who may read the secrets themselves.

/** Prefix of a keyed checksum. A manifest of an earlier revision has one already, which is sent unchanged. */
const prefix = 'hmac_'

/** The HMAC-SHA-256 of a hash, in hexadecimal; `***` without a key. */
const hmac = (hash: string, key: Sensitive | undefined, digits: number): string =>
  key === undefined ? '***' : createHmac('sha256', key.reveal()).update(hash).digest('hex').slice(0, digits)

/**
 * The manifest as it may be sent to the cluster: the checksum in a workload's pod template, or the hash in a Job's
 * name, replaced by its HMAC.
 * @param key undefined when nothing is sent: `***` then replaces it
 */
export function keyed<M extends Manifest>(manifest: M, key: Sensitive | undefined): M {
  return manifest.kind === 'Job'
    ? (keyedJob(manifest as unknown as Job, key) as unknown as M)
    : (keyedPods(manifest as Workload, key) as M)
}

/** An object of any kind that creates pods from a template. */
type Workload = Manifest & { readonly spec?: { readonly template?: PodTemplateSpec } }

function keyedPods(one: Workload, key: Sensitive | undefined): Workload {
  const template = one.spec?.template
  const annotations = template?.metadata?.annotations
  const hash = annotations?.[checksumAnnotation]
  if (one.spec === undefined || template === undefined || hash === undefined || hash.startsWith(prefix))
    return one
  const value = key === undefined ? '***' : `${prefix}${hmac(hash, key, 20)}`
  const metadata = { ...template.metadata, annotations: { ...annotations, [checksumAnnotation]: value } }
  return { ...one, spec: { ...one.spec, template: { ...template, metadata } } } as Workload
}

/** A Job's name ends with the hash of its inputs, see `job`. */
function keyedJob(one: Job, key: Sensitive | undefined): Job {
  const [, base, hash] = /^(.+-)([0-9a-f]{10})$/.exec(one.metadata?.name ?? '') ?? []
  if (base === undefined || hash === undefined) return one
  return { ...one, metadata: { ...one.metadata, name: `${base}${hmac(hash, key, hash.length)}` } }
}
