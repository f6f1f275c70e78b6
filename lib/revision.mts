import { hostname, userInfo } from 'node:os'
import { gunzipSync, gzipSync } from 'node:zlib'
import { itemsOf, sendObjects } from './apply.mts'
import type { LiveObject, Manifest, Secret } from './k8s.mts'
import type { Kubectl } from './kubectl.mts'
import { namespace } from './objects.mts'
import { countWrite } from './sh.mts'

/** What one run of one module applied, kept in the cluster (DESIGN section 6). */
export interface Revision {
  readonly number: number
  /** Folder name: `12_n8n`. */
  readonly module: string
  readonly env: string
  /** `adopted`: the module was found working and validated, nothing was applied. */
  readonly state: 'pending' | 'applied' | 'validated' | 'adopted'
  readonly who: string
  /** ISO 8601, UTC. */
  readonly when: string
  readonly kit: string
  /** Image references by their name in versions.json. */
  readonly images: Readonly<Record<string, string>>
  readonly validated?: { readonly when: string; readonly checks: number }
  readonly manifests: readonly Manifest[]
}

/** The kit's own namespace in a cluster. */
export const systemNamespace = 'keybuzz-system'

const label = { module: 'keybuzz.io/revision-of', env: 'keybuzz.io/revision-env' } as const

/** Every revision in the cluster, oldest first. */
export async function readRevisions(kubectl: Kubectl): Promise<Revision[]> {
  const words = [
    'get',
    'secrets',
    '--namespace',
    systemNamespace,
    '--selector',
    label.module,
    '--ignore-not-found',
  ]
  const found = itemsOf(await kubectl.json(words))
  return found.map(decode).toSorted((a, b) => a.number - b.number)
}

/** The newest revision of a module; cluster-scope modules have one for all environments. */
export const newestOf = (
  revisions: readonly Revision[],
  module: string,
  env: string | undefined,
): Revision | undefined =>
  revisions.findLast((one) => one.module === module && (env === undefined || one.env === env))

/** True when the module stands validated at its newest revision. */
export const isValidated = (revision: Revision | undefined): boolean =>
  revision?.state === 'validated' || revision?.state === 'adopted'

/** Who runs the kit, and from where. */
export const operator = (): string => `${userInfo().username}@${hostname()}`

/** Writes a revision, whole. */
export async function saveRevision(kubectl: Kubectl, revision: Revision): Promise<void> {
  await sendObjects(kubectl, [namespace(systemNamespace), encode(revision)], { dryRun: false })
  countWrite()
}

/** A manifest as a revision keeps it: of a Secret only name and keys. */
export function withoutValues(manifest: Manifest): Manifest {
  if (manifest.kind !== 'Secret') return manifest
  const { data = {}, ...rest } = manifest as Secret
  return { ...rest, data: Object.fromEntries(Object.keys(data).map((key) => [key, ''])) } as Manifest
}

function encode({ manifests, ...meta }: Revision): Secret {
  const base64 = (bytes: Buffer) => bytes.toString('base64')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      namespace: systemNamespace,
      name: `revision-${meta.env}-${meta.module.replaceAll('_', '-')}-${meta.number}`,
      labels: {
        [label.module]: meta.module,
        [label.env]: meta.env,
        'app.kubernetes.io/managed-by': 'keybuzz',
      },
    },
    type: 'keybuzz.io/revision',
    data: {
      meta: base64(Buffer.from(JSON.stringify(meta))),
      manifests: base64(gzipSync(JSON.stringify(manifests.map(withoutValues)))),
    },
  }
}

function decode(secret: LiveObject): Revision {
  const { meta = '', manifests = '' } = secret['data'] as Record<string, string>
  const read = (text: string) => Buffer.from(text, 'base64')
  return {
    ...(JSON.parse(read(meta).toString()) as Omit<Revision, 'manifests'>),
    manifests: JSON.parse(gunzipSync(read(manifests)).toString()) as Manifest[],
  }
}
