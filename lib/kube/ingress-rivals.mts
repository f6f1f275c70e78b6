import { exitCodes, KitError } from '../base/errors.mts'
import { nameOf, type Ingress, type LiveObject, type Manifest } from './types.mts'

// Of two Ingresses for one host and path the ingress controller uses one, and which one is not defined. One for a
// longer path of the same host gets the requests below that path. An alias (nginx.ingress.kubernetes.io/server-alias)
// does neither: for a name that is the host of any Ingress it is ignored (Traefik ingress-nginx/kubernetes.go
// buildRule; ingress-nginx does the same). IngressRoutes are not read: the ingress controller of module 9 has no
// provider for them.

/** Another Ingress that claims an address of ours. */
export interface Rival {
  readonly host: string
  /** The path it claims: `/webhook`. */
  readonly path: string
  /** True when ours has exactly that path; false when it is below one of ours. */
  readonly isSame: boolean
  readonly theirs: LiveObject
}

interface Address {
  readonly host: string
  readonly path: string
}

/** Every host and path of an Ingress; none of other kinds. */
export function addressesOf(object: Manifest | LiveObject): Address[] {
  if (object.kind !== 'Ingress') return []
  const { spec } = object as Ingress
  return (spec?.rules ?? []).flatMap(({ host = '*', http }) =>
    (http?.paths ?? []).map(({ path = '/' }) => ({ host, path })),
  )
}

const classAnnotation = 'kubernetes.io/ingress.class'

/** The class of an Ingress; undefined for one that the default class serves. */
const classOf = (object: Manifest | LiveObject): string | undefined =>
  (object as Ingress).spec?.ingressClassName ?? object.metadata?.annotations?.[classAnnotation]

/** True when one ingress controller may serve both. Another controller's Ingress is served at another address. */
function mayMeet(ours: Manifest | LiveObject, theirs: LiveObject): boolean {
  const [one, other] = [classOf(ours), classOf(theirs)]
  return one === undefined || other === undefined || one === other
}

/** True for a path that a Prefix path covers: `/webhook` covers `/webhook/x`, not `/webhooks`. */
export const covers = (prefix: string, path: string): boolean =>
  path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)

/**
 * True for an Ingress that cert-manager creates for an HTTP-01 challenge (its http/ingress.go), also at each renewal.
 * It serves the ACME server, and cert-manager deletes it.
 */
const isSolver = (one: LiveObject): boolean =>
  one.metadata.labels?.['acme.cert-manager.io/http01-solver'] === 'true' &&
  addressesOf(one).every(({ path }) => path.startsWith('/.well-known/acme-challenge/'))

/** Each wanted Ingress with each other live one that the same ingress controller may serve. */
function othersOf(
  wanted: readonly (Manifest | LiveObject)[],
  live: readonly LiveObject[],
): readonly (readonly [ours: Manifest | LiveObject, theirs: LiveObject])[] {
  const own = new Set(wanted.map(nameOf))
  const others = live.filter((one) => !own.has(nameOf(one)) && !isSolver(one))
  return wanted.flatMap((ours) =>
    others.filter((one) => mayMeet(ours, one)).map((theirs) => [ours, theirs] as const),
  )
}

/** The other live Ingresses that have a host of ours, whatever their paths are. @param wanted as for rivalsOf */
export const sameHosts = (
  wanted: readonly (Manifest | LiveObject)[],
  live: readonly LiveObject[],
): readonly { readonly host: string; readonly theirs: LiveObject }[] =>
  othersOf(wanted, live).flatMap(([ours, theirs]) => {
    const mine = addressesOf(ours).map(({ host }) => host)
    const shared = addressesOf(theirs).find(({ host }) => mine.includes(host))
    return shared === undefined ? [] : [{ host: shared.host, theirs }]
  })

/**
 * The other live Ingresses that claim an address of ours, those with exactly the same path first.
 * @param wanted our objects; other kinds are ignored
 */
export function rivalsOf(
  wanted: readonly (Manifest | LiveObject)[],
  live: readonly LiveObject[],
): readonly Rival[] {
  const found = othersOf(wanted, live).flatMap(([ours, theirs]) => {
    const mine = addressesOf(ours)
    return addressesOf(theirs).flatMap(({ host, path }): Rival[] => {
      const shared = mine.filter((one) => one.host === host && covers(one.path, path))
      if (shared.length === 0) return []
      return [{ host, path, isSame: shared.some((one) => one.path === path), theirs }]
    })
  })
  return found.toSorted((a, b) => Number(b.isSame) - Number(a.isSame))
}

/** `n8n.example.com/ is answered by Ingress n8n-blue/n8n too` */
export const rivalText = ({ host, path, theirs }: Rival): string =>
  `${host}${path} is answered by ${nameOf(theirs)} too`

/** What to do about another Ingress. */
export const rivalHint = ({ theirs: { metadata } }: Rival): string =>
  `see whose it is: kubectl --namespace ${metadata.namespace} get ingress ${metadata.name} -o yaml; take it away (kubectl --namespace ${metadata.namespace} delete ingress ${metadata.name}) or give one of the two another host name`

/** Exit 5: another Ingress claims the address. */
export const rivalError = (rival: Rival): KitError =>
  new KitError(rivalText(rival), {
    exitCode: exitCodes.conflict,
    details: [
      rival.isSame
        ? 'Visitors meet one or the other.'
        : `Visitors of ${rival.host}${rival.path} meet the other one.`,
    ],
    hint: rivalHint(rival),
  })
