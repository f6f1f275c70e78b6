import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { sensitive, type Sensitive } from '../../lib/base/sensitive.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import { written } from '../../lib/base/written.mts'
import { send, type Server } from './api/client.mts'
import { fromBase64 } from './base64.mts'
import { reviewerNamespace, reviewerSecret } from './names.mts'
import type { VaultSettings } from './settings.mts'

// The token by which Vault asks the API server about other tokens. The kit asks with it first, at the same address and
// with the same CA: of Vault's own `permission denied` nobody can tell the cause.

/** What Vault needs for asking the API server. */
export interface Reviewer {
  readonly host: string
  /** PEM of the CA of the API server. */
  readonly ca: string
  readonly token: Sensitive
}

/** The reviewer's token and the API server's CA; undefined while Kubernetes has not written the token yet. */
export async function findReviewer(kube: KubeReader, settings: VaultSettings): Promise<Reviewer | undefined> {
  const secret = await kube.get('secrets', reviewerSecret, reviewerNamespace)
  const { token, 'ca.crt': ca } = (secret?.['data'] ?? {}) as { token?: string; 'ca.crt'?: string }
  if (token === undefined || ca === undefined) return undefined
  return { host: settings.VAULT_KUBERNETES_URL, ca: fromBase64(ca), token: sensitive(fromBase64(token)) }
}

/**
 * Asks the API server, with the reviewer's token, whether that same token is good: what Vault asks at every login.
 * @throws KitError exit 7 when the API server's certificate is not for that address; exit 6 when it cannot be reached
 *   from here; exit 8 when the token or its right is gone; exit 3 for any other answer
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
  throw new KitError(`${server.where} does not let Vault’s reviewer ask: ${reply.status} ${reply.words}`, {
    exitCode: reply.status === 401 || reply.status === 403 ? exitCodes.denied : exitCodes.preflight,
    details: [meaningOf(reply.status), written()],
    hint: `kubectl --namespace ${reviewerNamespace} delete secret ${reviewerSecret}; then run 14_vault_02_configure_injection again: it makes a new one`,
  })
}

const meaningOf = (status: number): string => {
  if (status === 401) return `The token in Secret ${reviewerNamespace}/${reviewerSecret} is no longer good.`
  if (status === 403) return 'Its ClusterRoleBinding to system:auth-delegator is gone, or another.'
  return 'What answers there may not be the API server.'
}
