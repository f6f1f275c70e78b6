import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { LiveObject, Manifest, Secret } from '../kube/types.mts'
import { systemNamespace } from '../base/names.mts'
import type { Revision } from './revision.mts'
import { sendObjects } from '../kube/objects.mts'
import { manifestsIn, metaIn, type Meta } from './revision-shape.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { leaseIn, type Lease } from './lease.mts'
import { everyObject, listOwn } from '../kube/apply/ownership.mts'
import { countWrite } from '../base/command.mts'
import { messageOf } from '../base/errors.mts'

// Revisions in the cluster: reading, writing and deleting their Secrets. Manifests that do not fit into one Secret are
// split into parts, which the head Secret names.

/** Label with the revision a Secret belongs to: on its head and on all its parts. */
export const revisionLabel = 'keybuzz.io/revision'

const [headType, partType] = ['keybuzz.io/revision', 'keybuzz.io/revision-part']

/** Most bytes of manifests in one Secret: Kubernetes accepts 1 MiB, including everything else in it. */
const maxBytes = 900 * 1024

/** Most bytes of a revision's unpacked manifests: a damaged one must not exhaust the memory of the run. */
const mostUnpacked = 64 * 1024 * 1024

/** The name of a revision's head Secret: `revision-staging-12-n8n-3`. */
export const secretNameOf = ({ env, module, number }: Pick<Revision, 'env' | 'module' | 'number'>): string =>
  `revision-${env}-${module.replaceAll('_', '-')}-${number}`

/** A manifest as a revision keeps it: of a Secret the keys without their values. */
export function withoutValues(manifest: Manifest): Manifest {
  if (manifest.kind !== 'Secret') return manifest
  const { data = {}, ...rest } = manifest as Secret
  return { ...rest, data: Object.fromEntries(Object.keys(data).map((key) => [key, ''])) } as Manifest
}

/** Encodes a revision as Secrets. @param limit most bytes of manifests in one Secret */
export function encode(
  { manifests, ...meta }: Revision,
  limit = maxBytes,
): { head: Secret; parts: Secret[] } {
  const bytes = gzipSync(JSON.stringify(manifests.map(withoutValues)))
  const pieces = Array.from({ length: Math.ceil(bytes.length / limit) }, (_, at) =>
    bytes.subarray(at * limit, (at + 1) * limit),
  )
  const [first = bytes, ...others] = pieces
  // Named by content: a revision that is saved again never mixes a new part with old ones.
  const parts = others.map((piece) =>
    secret(
      meta,
      `${secretNameOf(meta)}-${createHash('sha256').update(piece).digest('hex').slice(0, 10)}`,
      partType,
      {
        manifests: piece,
      },
    ),
  )
  const names = parts.map(({ metadata }) => metadata?.name ?? '')
  const full: Meta = names.length === 0 ? meta : { ...meta, parts: names }
  const data = { meta: Buffer.from(JSON.stringify(full)), manifests: first }
  return { head: secret(meta, secretNameOf(meta), headType, data), parts }
}

const secret = (
  meta: Omit<Revision, 'manifests'>,
  name: string,
  type: string,
  data: Readonly<Record<string, Buffer>>,
): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    namespace: systemNamespace,
    name,
    labels: {
      [revisionLabel]: secretNameOf(meta),
      'keybuzz.io/revision-of': meta.module,
      'keybuzz.io/revision-env': meta.env,
      'app.kubernetes.io/managed-by': 'keybuzz',
    },
  },
  type,
  data: Object.fromEntries(Object.entries(data).map(([key, bytes]) => [key, bytes.toString('base64')])),
})

/** A revision Secret that cannot be decoded. */
export interface Damaged {
  readonly name: string
  readonly why: string
}

/** Decodes every revision among some objects; a damaged one is returned as such and does not affect the others. */
export function decodeAll(objects: readonly LiveObject[]): {
  revisions: Revision[]
  damaged: Damaged[]
} {
  const bytesOf = (object: LiveObject | undefined, key: string): Buffer =>
    Buffer.from((object?.['data'] as Record<string, string> | undefined)?.[key] ?? '', 'base64')
  const decode = (head: LiveObject): Revision => {
    const { parts = [], ...meta } = metaIn(bytesOf(head, 'meta').toString())
    const all = [head, ...parts.map((name) => objects.find(({ metadata }) => metadata.name === name))]
    const bytes = Buffer.concat(all.map((one) => bytesOf(one, 'manifests')))
    const text = gunzipSync(bytes, { maxOutputLength: mostUnpacked }).toString()
    const revision = { ...meta, manifests: manifestsIn(text) }
    if (secretNameOf(revision) !== head.metadata.name) throw new Error('it is of another name')
    return revision
  }
  const revisions: Revision[] = []
  const damaged: Damaged[] = []
  for (const head of objects.filter(({ type }) => type === headType)) {
    try {
      revisions.push(decode(head))
    } catch (thrown) {
      damaged.push({ name: head.metadata.name, why: messageOf(thrown) })
    }
  }
  return { revisions, damaged }
}

/** The kit's own records and objects in a cluster. */
export interface Records {
  /** Revisions of every module and environment, oldest first. */
  readonly revisions: Revision[]
  readonly damaged: readonly Damaged[]
  /** The lease of the lock, read before everything else here. */
  readonly lease: Lease | undefined
  /** Every object of every module. */
  readonly objects: readonly LiveObject[]
}

/**
 * Reads all records and objects of the kit in a cluster: the lease of the lock first, then the kinds in parallel.
 * @param moreKinds `moreKinds` of the module that runs
 * @throws KitError exit 3, 5 to 9 or 12 from kubectl; Cancelled (130) or KitError exit 143 on a signal
 */
export async function readRecords(kubectl: Kubectl, moreKinds: readonly string[] = []): Promise<Records> {
  const where = { selector: everyObject, managedFields: true }
  const leases = await kubectl.api.list('leases.coordination.k8s.io', where)
  const objects = [...leases, ...(await listOwn(kubectl, moreKinds, where))]
  // A user with rights in another namespace alone could create such Secrets there.
  const kept = objects.filter(({ metadata }) => metadata.namespace === systemNamespace)
  const { revisions, damaged } = decodeAll(kept)
  return {
    revisions: revisions.toSorted((a, b) => a.number - b.number),
    damaged,
    lease: leaseIn(kept.find(({ kind }) => kind === 'Lease')),
    objects,
  }
}

/**
 * Writes a revision: its parts first, so that its head never names a missing one.
 * @throws KitError exit 3 or 5 to 9 from kubectl; Cancelled (130) or KitError exit 143 on a signal
 */
export async function saveRevision(kubectl: Kubectl, revision: Revision): Promise<void> {
  const { head, parts } = encode(revision)
  if (parts.length > 0) await sendObjects(kubectl, parts, { dryRun: false })
  await sendObjects(kubectl, [head], { dryRun: false })
  countWrite()
}

/**
 * Deletes revisions with all their parts.
 * @throws KitError exit 3 or 5 to 9 from kubectl; Cancelled (130) or KitError exit 143 on a signal
 */
export async function deleteRevisions(kubectl: Kubectl, old: readonly Revision[]): Promise<void> {
  const selector = `${revisionLabel} in (${old.map(secretNameOf).join(',')})`
  await kubectl.api.removeAll('secrets', systemNamespace, selector)
  countWrite()
}
