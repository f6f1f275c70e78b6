import { exitCodes, KitError } from '../../base/errors.mts'
import type { KubeSession } from './kube.mts'
import { log } from '../../base/log.mts'
import { type DaemonSet, type LiveObject, type Manifest, conditionOf, nameOf } from '../types.mts'
import { addressesOf, rivalError, rivalHint, rivalsOf, rivalText, sameHosts } from '../ingress-rivals.mts'
import { isManaged, ownerOf } from './ownership.mts'
import { UnknownKind } from '../discovery.mts'
import type { KubeReader } from '../reader.mts'
import { nearest } from '../../base/nearest.mts'
import { issuerOf, keepsBodies } from '../manifests/ingress.mts'
import { masterCommand } from '../../base/names.mts'
import { written } from '../../base/written.mts'

/**
 * Requires that no other Ingress has a host and path of ours, and no other module of the kit a host of ours, whatever
 * its paths are. An operator's own Ingress for a longer path of the same host gets only a warning: it may be intended.
 * Checked before a run writes anything.
 * @param wanted the declared objects
 * @throws KitError exit 5 when another Ingress has the same host and path, or another module the host; see also Api
 */
export async function requireFreeAddresses(session: KubeSession, wanted: readonly Manifest[]): Promise<void> {
  if (wanted.every((one) => addressesOf(one).length === 0)) return
  // Ingresses of the module's own revisions do not count: this run may delete one and give its host to another.
  const own = new Set((await session.recorded()).map(nameOf))
  const found = await session.reader.list('ingresses.networking.k8s.io', {})
  const live = found.filter((one) => !own.has(nameOf(one)))
  const rivals = rivalsOf(wanted, live)
  const [first] = rivals
  if (first?.isSame === true) throw rivalError(first)
  const taken = sameHosts(wanted, live).find(({ theirs }) => isManaged(theirs))
  if (taken !== undefined) throw takenHost(taken)
  for (const rival of rivals) log.warn(rivalText(rival), rivalHint(rival))
}

/** Exit 5: an Ingress of another module of the kit has the host. */
function takenHost({ host, theirs }: { readonly host: string; readonly theirs: LiveObject }): KitError {
  const { module, env } = ownerOf(theirs)
  return new KitError(`${host} belongs to module ${module} of ${env}: ${nameOf(theirs)} has it`, {
    exitCode: exitCodes.conflict,
    details: ['A host name is for one module: each would answer paths of the other.', written()],
    hint: `give one of the two another host name: in credentials/${env}/${module}.env and install that one again, or in this module’s settings`,
  })
}

/**
 * Checks that the ingress controller installed by the kit can buffer request bodies: one installed by an older kit has
 * no writable folder for them, and would respond 500. Checked only when an Ingress that needs it is not live yet.
 * @returns the error, KitError exit 3; undefined when there is none
 * @throws KitError, see Api
 */
export async function missingBuffer(
  session: KubeSession,
  wanted: readonly Manifest[],
): Promise<KitError | undefined> {
  const known = (await session.objects()).filter(keepsBodies).map(nameOf)
  if (!wanted.some((one) => keepsBodies(one) && !known.includes(nameOf(one)))) return undefined
  const labels = { 'app.kubernetes.io/component': 'ingress', 'app.kubernetes.io/managed-by': 'keybuzz' }
  const found = (await session.reader.list('daemonsets.apps', { labels })).find(hasNoFolder)
  if (found === undefined) return undefined
  const { 'keybuzz.io/module': module = '9', 'keybuzz.io/env': env = '' } = found.metadata.labels ?? {}
  return new KitError(`${nameOf(found)} has no writable /tmp: it cannot limit the size of requests`, {
    exitCode: exitCodes.preflight,
    details: ['It was installed by an older kit, and would answer 500 to larger requests.', written()],
    hint: masterCommand(Number.parseInt(module), env),
  })
}

/** True when a container has a read-only root filesystem and no mount at /tmp. */
const hasNoFolder = (daemon: LiveObject): boolean =>
  ((daemon as unknown as DaemonSet).spec?.template.spec?.containers ?? []).some(
    ({ securityContext, volumeMounts = [] }) =>
      securityContext?.readOnlyRootFilesystem === true &&
      !volumeMounts.some(({ mountPath }) => mountPath === '/tmp'),
  )

// The ClusterIssuers of cert-manager: checked before anything is written.

/**
 * Requires that each ClusterIssuer of the wanted Ingresses exists and is Ready. Checked before a run writes anything,
 * and only for an issuer that no live Ingress of the module has.
 * @throws KitError exit 3 without cert-manager or the issuer, or when the issuer is not Ready; see also Api
 */
export async function requireIssuers(session: KubeSession, wanted: readonly Manifest[]): Promise<void> {
  const known = (await session.objects()).flatMap(issuerOf)
  const bringing = [...new Set(wanted.flatMap(issuerOf))].filter((name) => !known.includes(name))
  if (bringing.length === 0) return
  const found = await clusterIssuers(session.reader)
  for (const name of bringing) {
    const issuer = found.find(({ metadata }) => metadata.name === name)
    if (issuer === undefined) throw noIssuer(name, found)
    const { status, message = 'it has not said why' } = conditionOf(issuer, 'Ready') ?? {}
    if (status !== 'True') throw unready(name, message)
  }
}

async function clusterIssuers(kube: KubeReader): Promise<readonly LiveObject[]> {
  try {
    return await kube.list('clusterissuers.cert-manager.io', {})
  } catch (thrown) {
    if (!(thrown instanceof UnknownKind)) throw thrown
    throw new KitError('cert-manager is not on this cluster: it knows no ClusterIssuer', {
      exitCode: exitCodes.preflight,
      details: [written()],
      hint: 'install cert-manager and the ClusterIssuer of TLS_ISSUER first; or choose another TLS_MODE',
      cause: thrown,
    })
  }
}

function noIssuer(name: string, found: readonly LiveObject[]): KitError {
  const names = found.map(({ metadata }) => metadata.name)
  return new KitError(`there is no ClusterIssuer ${name}`, {
    exitCode: exitCodes.preflight,
    details: [names.length === 0 ? 'There is none at all.' : `There are: ${names.join(', ')}.`, written()],
    hint: `correct TLS_ISSUER in platform.env${names.length === 0 ? '' : `: ${nearest(name, names)}?`}`,
  })
}

const unready = (name: string, message: string): KitError =>
  new KitError(`ClusterIssuer ${name} is not Ready: ${message}`, {
    exitCode: exitCodes.preflight,
    details: [
      'It would sign nothing, and visitors would get the ingress controller’s default self-signed certificate.',
      written(),
    ],
    hint: `kubectl describe clusterissuer ${name}`,
  })
