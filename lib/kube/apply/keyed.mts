import { createHmac } from 'node:crypto'
import type { Sensitive } from '../../base/sensitive.mts'
import { checksumAnnotation } from '../manifests/objects.mts'
import type { Job, Manifest, PodTemplateSpec } from '../types.mts'

// Pure. A hash of secrets lets everyone who may read Deployments or Jobs try guesses of a weak one: what is sent is an
// HMAC of that hash, and its key is a Secret that only those can read who may read the secrets themselves.

/** The beginning of a keyed checksum: one of an earlier revision is sent again as it is. */
const prefix = 'hmac_'

/** The HMAC-SHA-256 of a hash, in hexadecimal; `***` without a key. */
const hmac = (hash: string, key: Sensitive | undefined, digits: number): string =>
  key === undefined ? '***' : createHmac('sha256', key.reveal()).update(hash).digest('hex').slice(0, digits)

/**
 * The manifest as it may leave this machine: the checksum of a workload's pods, and the hash in a Job's name, keyed.
 * @param key undefined where nothing is sent: `***` is shown in their place
 */
export function keyed<M extends Manifest>(manifest: M, key: Sensitive | undefined): M {
  return manifest.kind === 'Job'
    ? (keyedJob(manifest as unknown as Job, key) as unknown as M)
    : (keyedPods(manifest as Workload, key) as M)
}

/** Of any kind that makes pods from a template. */
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
