import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { LiveObject, Manifest, Secret } from './k8s.mts'
import { systemNamespace } from './names.mts'
import type { Revision } from './revision.mts'

// Pure: a revision as the Secrets that hold it. What one Secret cannot take is kept in parts, which its head names.

/** Which revision a Secret belongs to: its head and all its parts carry it. */
export const revisionLabel = 'keybuzz.io/revision'

const [headType, partType] = ['keybuzz.io/revision', 'keybuzz.io/revision-part']

/** Bytes of manifests in one Secret: Kubernetes takes a MiB, with everything else in it. */
const most = 900 * 1024

type Meta = Omit<Revision, 'manifests'> & { readonly parts?: readonly string[] }

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

/** Every revision among some objects. */
export function decodeAll(objects: readonly LiveObject[]): Revision[] {
  const bytesOf = (object: LiveObject | undefined, key: string): Buffer =>
    Buffer.from((object?.['data'] as Record<string, string> | undefined)?.[key] ?? '', 'base64')
  return objects
    .filter(({ type }) => type === headType)
    .map((head) => {
      const { parts = [], ...meta } = JSON.parse(bytesOf(head, 'meta').toString()) as Meta
      const all = [head, ...parts.map((name) => objects.find(({ metadata }) => metadata.name === name))]
      const bytes = Buffer.concat(all.map((one) => bytesOf(one, 'manifests')))
      return { ...meta, manifests: JSON.parse(gunzipSync(bytes).toString()) as Manifest[] }
    })
}
