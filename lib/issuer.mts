import { exitCodes, KitError } from './errors.mts'
import { type LiveObject, type Manifest, conditionOf } from './k8s.mts'
import type { KubeReader } from './kube-reader.mts'
import type { KubeSession } from './kube.mts'
import { nearest } from './nearest.mts'
import { issuerOf } from './ingress.mts'

// Who signs the certificates cert-manager makes: looked at before anything is written.

/**
 * Asked before a run writes anything, and only when an issuer comes in that none of its Ingresses has yet.
 * @throws KitError exit 3 when it is not there or cannot sign
 */
export async function requireIssuers(session: KubeSession, wanted: readonly Manifest[]): Promise<void> {
  const known = (await session.objects()).flatMap(issuerOf)
  const bringing = [...new Set(wanted.flatMap(issuerOf))].filter((name) => !known.includes(name))
  if (bringing.length === 0) return
  const found = await clusterIssuers(session.kube)
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
      details: nothing,
      hint: 'install cert-manager and the ClusterIssuer of TLS_ISSUER first; or choose another TLS_MODE',
      cause: thrown,
    })
  }
}

const nothing = ['Nothing was written.']

function noIssuer(name: string, found: readonly LiveObject[]): KitError {
  const names = found.map(({ metadata }) => metadata.name)
  return new KitError(`there is no ClusterIssuer ${name}`, {
    exitCode: exitCodes.preflight,
    details: [names.length === 0 ? 'There is none at all.' : `There are: ${names.join(', ')}.`, ...nothing],
    hint: `correct TLS_ISSUER in platform.env${names.length === 0 ? '' : `: ${nearest(name, names)}?`}`,
  })
}

const unready = (name: string, message: string): KitError =>
  new KitError(`ClusterIssuer ${name} is not Ready: ${message}`, {
    exitCode: exitCodes.preflight,
    details: ['It would sign nothing, and visitors would meet a certificate of nobody.', ...nothing],
    hint: `kubectl describe clusterissuer ${name}`,
  })
