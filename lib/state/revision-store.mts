import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { LiveObject, Manifest, Secret } from '../kube/types.mts'
import { systemNamespace } from '../base/names.mts'
import type { Revision } from './revision.mts'
import { itemsOf, sendObjects } from '../kube/objects.mts'
import { manifestsIn, metaIn, type Meta } from './revision-shape.mts'
import type { Kubectl } from '../kube/kubectl.mts'
import { leaseIn, type Lease } from './lease.mts'
import { everyObject, lastingKinds, prunableKinds } from '../kube/apply/ownership.mts'
import { countWrite } from '../base/command.mts'
import { messageOf } from '../base/errors.mts'

// RunRevision in the cluster: the Secrets that hold one, reading, writing and deleting them. What one Secret cannot take is
// kept in parts, which its head names.

/** Which revision a Secret belongs to: its head and all its parts carry it. */
export const revisionLabel = 'keybuzz.io/revision'

const [headType, partType] = ['keybuzz.io/revision', 'keybuzz.io/revision-part']

/** Bytes of manifests in one Secret: Kubernetes takes a MiB, with everything else in it. */
const most = 900 * 1024

/** Bytes a revision's manifests may unpack to: a damaged one must not take the memory of the run. */
const mostUnpacked = 64 * 1024 * 1024

export const secretNameOf = ({ env, module, number }: Pick<Revision, 'env' | 'module' | 'number'>): string =>
  `revision-${env}-${module.replaceAll('_', '-')}-${number}`

/** A manifest as a revision keeps it: of a Secret only name and keys. */
export function withoutValues(manifest: Manifest): Manifest {
  if (manifest.kind !== 'Secret') return manifest
  const { data = {}, ...rest } = manifest as Secret
  return { ...rest, data: Object.fromEntries(Object.keys(data).map((key) => [key, ''])) } as Manifest
}

/** @param limit bytes of manifests a Secret takes */
export function encode({ manifests, ...meta }: Revision, limit = most): { head: Secret; parts: Secret[] } {
  const bytes = gzipSync(JSON.stringify(manifests.map(withoutValues)))
  const pieces = Array.from({ length: Math.ceil(bytes.length / limit) }, (_, at) =>
    bytes.subarray(at * limit, (at + 1) * limit),
  )
  const [first = bytes, ...others] = pieces
  // Named by content: saved again, a revision never has the new words of one part beside the old ones of another.
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

/** A revision Secret nobody can read any more. */
export interface Damaged {
  readonly name: string
  readonly why: string
}

/** Every revision among some objects; one that is damaged costs no other. */
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

/** What the kit has in a cluster. */
export interface Records {
  /** Of every module and environment, oldest first. */
  readonly revisions: Revision[]
  readonly damaged: readonly Damaged[]
  /** The lock, as it was before everything else here was read. */
  readonly lease: Lease | undefined
  /** Every object of every module. */
  readonly objects: readonly LiveObject[]
}

/** Reads everything the kit has in a cluster, in one question. kubectl asks for its kinds in their order: the lock first. */
export async function readRecords(kubectl: Kubectl): Promise<Records> {
  const kinds = ['leases.coordination.k8s.io', ...prunableKinds, ...lastingKinds].join(',')
  const words = ['get', kinds, '--all-namespaces', '--selector', everyObject, '--show-managed-fields']
  const objects = itemsOf(await kubectl.json(words))
  // Elsewhere somebody could write them who has rights in one namespace only.
  const kept = objects.filter(({ metadata }) => metadata.namespace === systemNamespace)
  const { revisions, damaged } = decodeAll(kept)
  return {
    revisions: revisions.toSorted((a, b) => a.number - b.number),
    damaged,
    lease: leaseIn(kept.find(({ kind }) => kind === 'Lease')),
    objects,
  }
}

/** Writes a revision, whole: what it is kept in beside its head is there before the head names it. */
export async function saveRevision(kubectl: Kubectl, revision: Revision): Promise<void> {
  const { head, parts } = encode(revision)
  if (parts.length > 0) await sendObjects(kubectl, parts, { dryRun: false })
  await sendObjects(kubectl, [head], { dryRun: false })
  countWrite()
}

/** Deletes revisions nobody needs any more, with all their parts. */
export async function deleteRevisions(kubectl: Kubectl, old: readonly Revision[]): Promise<void> {
  const selector = `${revisionLabel} in (${old.map(secretNameOf).join(',')})`
  await kubectl.run(['delete', 'secrets', '-n', systemNamespace, '--selector', selector])
  countWrite()
}
