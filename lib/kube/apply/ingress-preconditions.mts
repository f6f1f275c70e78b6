import { exitCodes, KitError } from '../../base/errors.mts'
import type { KubeSession } from './kube.mts'
import { nameOf, type Ingress, type LiveObject, type Manifest, conditionOf } from '../types.mts'
import type { KubeReader } from '../reader.mts'
import { nearest } from '../../base/nearest.mts'
import { issuerOf } from '../manifests/ingress.mts'
import { written } from '../../base/written.mts'

// Two Ingresses for one host and path: the ingress controller uses one of them, and which one is not defined.

/** Every `host/path` of an Ingress. */
function addressesOf(object: Manifest | LiveObject): string[] {
  if (object.kind !== 'Ingress') return []
  const { spec } = object as Ingress
  return (spec?.rules ?? []).flatMap(({ host = '*', http }) =>
    (http?.paths ?? []).map(({ path = '/' }) => host + path),
  )
}

/** Names the first other live Ingress with a host and path of `wanted`; undefined when there is none. */
export function ingressClash(wanted: readonly Manifest[], live: readonly LiveObject[]): string | undefined {
  for (const ours of wanted) {
    const addresses = new Set(addressesOf(ours))
    for (const theirs of live.filter((one) => nameOf(one) !== nameOf(ours))) {
      const shared = addressesOf(theirs).find((address) => addresses.has(address))
      if (shared !== undefined) return `${shared} is answered by ${nameOf(theirs)} already`
    }
  }
  return undefined
}

/**
 * Checked before a run writes anything, and only when it adds a host and path that the module's live Ingresses lack.
 * @throws KitError exit 5 when another Ingress has it; see also Kubectl.run
 */
export async function requireFreeAddresses(session: KubeSession, wanted: readonly Manifest[]): Promise<void> {
  const ours = (await session.objects()).flatMap(addressesOf)
  const bringing = wanted.filter((one) => addressesOf(one).some((address) => !ours.includes(address)))
  if (bringing.length === 0) return
  const clash = ingressClash(bringing, await session.reader.list('ingresses.networking.k8s.io', {}))
  if (clash === undefined) return
  throw new KitError(clash, {
    exitCode: exitCodes.worldMoved,
    details: [`Visitors would meet one or the other. ${written()}`],
    hint: 'give this module another host name, or take the other Ingress away',
  })
}

// The ClusterIssuers of cert-manager: checked before anything is written.

/**
 * Checked before a run writes anything, and only for an issuer that none of the module's live Ingresses has.
 * @throws KitError exit 3 without cert-manager or the issuer, or when the issuer is not Ready; see also Kubectl.run
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
    if (!(thrown instanceof KitError) || !/doesn't have a resource type/.test(thrown.details.join(' ')))
      throw thrown
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
