import { conditionOf, type Ingress, type LiveObject, type Manifest } from '../types.mts'
import { issuerOf } from '../manifests/ingress.mts'
import type { KubeReader } from '../reader.mts'
import type { Until } from '../../base/poll.mts'

// Certificates that cert-manager requests. Until one exists the ingress controller uses its default self-signed one.

/** Seconds an ACME server may take to validate the public name; after a change of DNS it takes minutes. */
const timeoutSeconds = 300

/**
 * Waits for the certificate of each Ingress that has an issuer, up to 300 s each.
 * @throws KitError exit 9 with the state of its Order or Challenge when it is refused or not Ready in time; exit 130 or
 * 143 on a signal; see also Api
 */
export async function awaitCertificates(
  manifests: readonly Manifest[],
  { kube, until }: { readonly kube: Pick<KubeReader, 'get' | 'list'>; readonly until: Until },
): Promise<void> {
  for (const one of manifests.filter((manifest) => issuerOf(manifest).length > 0)) {
    const { namespace = '' } = one.metadata ?? {}
    const [{ secretName = '', hosts: [host = ''] = [] } = {}] = (one as Ingress).spec?.tls ?? []
    await until({
      what: `the certificate of ${host}`,
      seconds: timeoutSeconds,
      missing: () => certificateLacks(kube, namespace, secretName, host),
      isFatal: (missing) => missing.startsWith(refusal),
      hint: hintFor(namespace, secretName),
    })
  }
}

/** cert-manager gives the Certificate the name of its Secret, and requests a deleted one again at once. */
const hintFor = (namespace: string, name: string): string =>
  `kubectl --namespace ${namespace} describe certificates,orders,challenges; after a refusal, once its cause is gone: kubectl --namespace ${namespace} delete certificate ${name} --cascade=foreground; then run the same command again`

/** Prefix of a state that is final for this wait: cert-manager itself tries again only after an hour. */
const refusal = 'refused: '

async function certificateLacks(
  kube: Pick<KubeReader, 'get' | 'list'>,
  namespace: string,
  name: string,
  host: string,
): Promise<string> {
  const certificate = await kube.get('certificates.cert-manager.io', name, namespace)
  if (certificate === undefined) return 'cert-manager has not taken it up yet'
  if (conditionOf(certificate, 'Ready')?.status === 'True') return ''
  const found = await kube.list(workers, { namespace })
  return stateOf(found.toSorted(byAge), name, host) ?? 'cert-manager has asked for it'
}

/** By creation time, since objects of earlier tries still exist. ISO 8601 sorts by time. */
const byAge = (a: LiveObject, b: LiveObject): number =>
  String(a.metadata.creationTimestamp).localeCompare(String(b.metadata.creationTimestamp))

/** The kinds cert-manager creates for a certificate. */
const workers =
  'certificaterequests.cert-manager.io,orders.acme.cert-manager.io,challenges.acme.cert-manager.io'

interface AcmeStatus {
  readonly state?: string
  readonly reason?: string
}

/** The most specific reason: of the Challenge, else of the Order, else of the CertificateRequest. */
function stateOf(found: readonly LiveObject[], certificate: string, host: string): string | undefined {
  for (const kind of ['Challenge', 'Order']) {
    const { state = 'pending', reason } =
      (lastOf(found, kind, host)?.['status'] as AcmeStatus | undefined) ?? {}
    if (['invalid', 'errored', 'expired'].includes(state)) return `${refusal}${reason ?? state}`
    if (reason !== undefined && reason !== '') return reason
  }
  const request = found.findLast(
    ({ kind, metadata }) =>
      kind === 'CertificateRequest' &&
      metadata.annotations?.['cert-manager.io/certificate-name'] === certificate,
  )
  const { reason, message = '' } = (request && conditionOf(request, 'Ready')) ?? {}
  return reason === 'Failed' || reason === 'Denied' ? `${refusal}${message}` : message || undefined
}

const lastOf = (found: readonly LiveObject[], kind: string, host: string): LiveObject | undefined =>
  found.findLast((one) => {
    const { dnsName, dnsNames = [] } = one['spec'] as { dnsName?: string; dnsNames?: readonly string[] }
    return one.kind === kind && (dnsName === host || dnsNames.includes(host))
  })
