import { exitCodes, KitError } from './errors.mts'
import type { KubeSession } from './kube.mts'
import { nameOf, type Ingress, type LiveObject, type Manifest } from './k8s.mts'

// Two Ingresses for one address: a controller takes one of them, and nobody knows which.

/** Every `host/path` an Ingress answers to. */
function addressesOf(object: Manifest | LiveObject): string[] {
  if (object.kind !== 'Ingress') return []
  const { spec } = object as Ingress
  return (spec?.rules ?? []).flatMap(({ host = '*', http }) =>
    (http?.paths ?? []).map(({ path = '/' }) => host + path),
  )
}

/** The first Ingress of somebody else that answers to an address of ours, in words; undefined when there is none. */
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
 * Asked before a run writes anything, and only when it brings an address its own Ingresses do not answer to yet.
 * @throws KitError exit 5: two Ingresses for one address
 */
export async function requireFreeAddresses(session: KubeSession, wanted: readonly Manifest[]): Promise<void> {
  const ours = (await session.objects()).flatMap(addressesOf)
  const bringing = wanted.filter((one) => addressesOf(one).some((address) => !ours.includes(address)))
  if (bringing.length === 0) return
  const clash = ingressClash(bringing, await session.kube.list('ingresses.networking.k8s.io', {}))
  if (clash === undefined) return
  throw new KitError(clash, {
    exitCode: exitCodes.worldMoved,
    details: ['Visitors would meet one or the other. Nothing was written.'],
    hint: 'give this module another host name, or take the other Ingress away',
  })
}
