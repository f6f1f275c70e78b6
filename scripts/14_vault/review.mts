import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { sensitive, type Sensitive } from '../../lib/base/sensitive.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import { written } from '../../lib/base/written.mts'
import { send, type Server } from '../../lib/backends/vault-client.mts'
import { fromBase64 } from './base64.mts'
import { reviewerNamespace, reviewerSecret } from './names.mts'
import type { VaultSettings } from './settings.mts'

// The token with which Vault sends TokenReviews to the API server. The kit sends one first, with the same token,
// address and CA: Vault's own `permission denied` does not show the cause.

/** What Vault needs to send TokenReviews. */
export interface Reviewer {
  /** The URL of the API server. */
  readonly host: string
  /** PEM of the CA of the API server. */
  readonly ca: string
  readonly token: Sensitive
}

/**
 * The reviewer's token and the API server's CA; undefined while Kubernetes has not written the token yet.
 * @throws KitError exit 3 or 5 to 9 from kubectl
 */
export async function findReviewer(kube: KubeReader, settings: VaultSettings): Promise<Reviewer | undefined> {
  const secret = await kube.get('secrets', reviewerSecret, reviewerNamespace)
  const { token, 'ca.crt': ca } = (secret?.['data'] ?? {}) as { token?: string; 'ca.crt'?: string }
  if (token === undefined || ca === undefined) return undefined
  return { host: settings.VAULT_KUBERNETES_URL, ca: fromBase64(ca), token: sensitive(fromBase64(token)) }
}

/** Whether this cluster has a reviewer, with a token or before it. @throws KitError exit 3 or 5 to 9 from kubectl */
export const hasReviewer = async (kube: Pick<KubeReader, 'get'>): Promise<boolean> =>
  (await kube.get('secrets', reviewerSecret, reviewerNamespace)) !== undefined

/**
 * Sends a TokenReview of the reviewer's token, authenticated by that same token, as Vault does at every login.
 * @throws KitError exit 7 when the API server's certificate is not trusted or not for that address; exit 6 when it
 *   cannot be reached from this machine; exit 8 when the token is invalid (401) or may not review (403); exit 3 for any
 *   other response
 */
export async function requireReview({ host, ca, token }: Reviewer): Promise<void> {
  const server: Server = {
    where: `the API server ${host}`,
    url: host,
    ca,
    caHint: 'set VAULT_KUBERNETES_URL to an address that is in its certificate (TLS_SAN of module 9)',
  }
  const reply = await send(server, {
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    headers: { authorization: `Bearer ${token.reveal()}` },
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: token.reveal() },
    },
  })
  const { status } = (reply.json ?? {}) as { status?: { authenticated?: unknown } }
  if (reply.status === 201 && status?.authenticated === true) return
  const isRefusal = reply.status === 401 || reply.status === 403
  throw new KitError(`${server.where} does not let Vault’s reviewer ask: ${reply.status} ${reply.words}`, {
    exitCode: isRefusal ? exitCodes.denied : exitCodes.preflight,
    details: [meaningOf(reply.status), written()],
    hint: isRefusal
      ? `kubectl --namespace ${reviewerNamespace} delete secret ${reviewerSecret}; then run 14_vault_02_configure_injection again: it makes a new one`
      : `curl --insecure --max-time 5 ${host}/readyz; when it says ok, run the same command again`,
  })
}

const meaningOf = (status: number): string => {
  if (status === 401) return `The token in Secret ${reviewerNamespace}/${reviewerSecret} is no longer good.`
  if (status === 403) return 'Its ClusterRoleBinding to system:auth-delegator is gone, or another.'
  if (status === 429 || status >= 500) return 'The API server, or what is before it, cannot work now.'
  return 'What answers there may not be the API server.'
}
