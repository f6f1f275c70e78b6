import { exitCodes, KitError } from '../../base/errors.mts'
import { nameOf, type LiveObject, type Manifest } from '../types.mts'
import type { Where } from '../api.mts'
import { byName } from '../objects.mts'
import type { Kubectl } from '../kubectl.mts'
import { written } from '../../base/written.mts'
import { requireNoOtherTool } from './other-tools.mts'

/** The owner of an object: exactly one step of one module in one environment. */
export interface Owner {
  readonly module: string
  readonly step: string
  readonly env: string
}

const labelOf = { module: 'keybuzz.io/module', step: 'keybuzz.io/step', env: 'keybuzz.io/env' } as const

const managedBy = 'app.kubernetes.io/managed-by'

/** The label selector of all objects of the kit in a cluster, except those another tool manages now. */
export const everyObject = `${managedBy}=keybuzz`

/** True when the kit made an object, by the one label of `owned` that a namespace has too. */
export const isManaged = ({ metadata }: LiveObject): boolean => metadata.labels?.[managedBy] === 'keybuzz'

/** The label selector of all objects of one module in one environment. */
export const moduleSelector = ({ module, env }: Omit<Owner, 'step'>): string =>
  `${labelOf.module}=${module},${labelOf.env}=${env}`

/** The manifest with its owner's labels. Namespaces belong to no step. */
export function owned<M extends Manifest>(manifest: M, owner: Owner): M {
  if (manifest.kind === 'Namespace') return manifest
  const labels = {
    ...manifest.metadata?.labels,
    [managedBy]: 'keybuzz',
    [labelOf.module]: owner.module,
    [labelOf.step]: owner.step,
    [labelOf.env]: owner.env,
  }
  return { ...manifest, metadata: { ...manifest.metadata, labels } }
}

/** The owner by an object's labels; empty texts without them. */
export function ownerOf({ metadata }: Manifest | LiveObject): Owner {
  const {
    [labelOf.module]: module = '',
    [labelOf.step]: step = '',
    [labelOf.env]: env = '',
  } = metadata?.labels ?? {}
  return { module, step, env }
}

/**
 * Requires that a live object, if any, belongs to this step. A Namespace belongs to no step and is accepted.
 * @throws KitError exit 5 when it belongs to another step, module or environment, or when another tool installs it
 */
export function requireOurs(live: LiveObject | undefined, owner: Owner): void {
  const labels = live?.metadata.labels ?? {}
  if (live === undefined || live.kind === 'Namespace') return
  if (labels[labelOf.module] === undefined) return requireNoOtherTool(live, owner.env)
  const theirs = `${labels[labelOf.env]}/${labels[labelOf.module]}_${labels[labelOf.step]}`
  const ours = `${owner.env}/${owner.module}_${owner.step}`
  if (theirs === ours) return
  throw new KitError(`${nameOf(live)} belongs to ${theirs}, not to ${ours}`, {
    exitCode: exitCodes.conflict,
    details: [written()],
    hint: 'two environments or steps use one name: give them different namespaces or names',
  })
}

/**
 * Requires that a live object, if any, is not being deleted: applied now, it would still be deleted later, while pods
 * use it. A Namespace is not checked: the API server itself refuses writes in it.
 * @throws KitError exit 5 naming the finalizers it waits for
 */
export function requireStaying(live: LiveObject | undefined): void {
  if (live?.metadata.deletionTimestamp === undefined || live.kind === 'Namespace') return
  const { namespace = '', name, finalizers = [] } = live.metadata
  const what = `${live.kind.toLowerCase()} ${name} --namespace ${namespace}`
  throw new KitError(`${nameOf(live)} is being deleted since ${live.metadata.deletionTimestamp}`, {
    exitCode: exitCodes.conflict,
    details: [
      finalizers.length === 0
        ? 'What it owns ends first.'
        : `It waits for its finalizers: ${finalizers.join(', ')}`,
      written(),
    ],
    hint: `run this again when it is gone: kubectl get ${what}; when what set a finalizer is gone for good: kubectl patch ${what} --type=merge --patch '{"metadata":{"finalizers":null}}'`,
  })
}

/** Kinds the kit makes and may delete again; never a PVC, a CRD or a Namespace (DESIGN section 6). */
export const prunableKinds = [
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'services',
  'configmaps',
  'secrets',
  'serviceaccounts',
  'ingresses.networking.k8s.io',
  'networkpolicies.networking.k8s.io',
  'horizontalpodautoscalers.autoscaling',
  'poddisruptionbudgets.policy',
] as const

/** Kinds the kit makes and never prunes: a completed Job must not run again. */
export const lastingKinds = ['jobs.batch'] as const

/**
 * Objects of the kinds of every module, and of these.
 * @param moreKinds further kinds, as kubectl names them; those the cluster does not have yet have no objects
 * @throws KitError, see Api
 */
export async function listOwn(
  { api }: Kubectl,
  moreKinds: readonly string[],
  where: Where,
): Promise<LiveObject[]> {
  const [objects, more] = await Promise.all([
    api.list([...prunableKinds, ...lastingKinds].join(','), where),
    moreKinds.length === 0 ? [] : api.list(moreKinds.join(','), { ...where, ifDefined: true }),
  ])
  return [...objects, ...more]
}

/** All live objects of one module in one environment, read once for all batches. */
export interface OurObjects {
  /** By nameOf, as last read. @throws KitError, see Api */
  find(): Promise<Map<string, LiveObject>>
  /** The next `find` reads again. */
  invalidate(): void
}

/**
 * The OurObjects of one module.
 * @param read the live objects of every module, with managedFields
 * @param moreKinds further kinds the module makes, as kubectl names them
 */
export function createOurObjects(
  kubectl: Kubectl,
  owner: Omit<Owner, 'step'>,
  read: readonly LiveObject[],
  moreKinds: readonly string[] = [],
): OurObjects {
  const isOurs = (live: LiveObject): boolean =>
    ownerOf(live).module === owner.module && ownerOf(live).env === owner.env
  let found: Promise<Map<string, LiveObject>> | undefined = Promise.resolve(byName(read.filter(isOurs)))
  const where = { selector: moduleSelector(owner), managedFields: true }
  const ask = async () => byName(await listOwn(kubectl, moreKinds, where))
  return {
    find: () => (found ??= ask()),
    invalidate: () => void (found = undefined),
  }
}
