import { pollUntil } from '../../lib/base/poll.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import type { Sensitive } from '../../lib/base/sensitive.mts'
import { written } from '../../lib/base/written.mts'
import type { Writes } from '../../lib/base/writes.mts'
import { audience } from '../../lib/kube/manifests/injection.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import { jwtConfig, kubernetesConfig, type AuthConfig } from './auth-config.mts'
import { readIssuer, requireProven } from './issuer.mts'
import { checkName, checkNamespace } from './names.mts'
import { findReviewer, requireReview, type Reviewer } from './review.mts'
import type { VaultSettings } from './settings.mts'

// What Vault gets for each auth method. The kit tries it first: Vault's refusals do not show the cause.

/** Milliseconds within which Kubernetes writes the token into its Secret, and logins work after a change. */
export const settling = 15_000

/** What proveConfig works with. */
export interface Proving {
  readonly settings: VaultSettings
  readonly kube: KubeReader
  readonly writes: Pick<Writes, 'planning'>
  /** Milliseconds to wait for the reviewer's token: 15 s unless given. */
  readonly settlingMs?: number
}

/**
 * The configuration of the auth method, tried: the reviewer's token by a TokenReview, public keys by a token that the
 * API server has just signed.
 * @returns undefined under --plan, when the reviewer has no token yet
 * @throws KitError exit 9 without the reviewer's token; exit 3, 6, 7 or 8, see requireReview; exit 3, see readIssuer and
 *   requireProven; exit 3 or 5 to 9 from kubectl
 */
export async function proveConfig(proving: Proving): Promise<AuthConfig | undefined> {
  const { settings, kube } = proving
  if (settings.VAULT_AUTH_METHOD === 'jwt') {
    const issuer = await readIssuer(kube)
    const token = await findToken(kube)
    if (token !== undefined) requireProven(token, issuer)
    return jwtConfig(issuer)
  }
  const reviewer = await awaitReviewer(proving)
  if (reviewer === undefined) return undefined
  await requireReview(reviewer)
  return kubernetesConfig(reviewer)
}

/** A token of the checks' service account; undefined while there is no such account. @throws as KubeReader */
export async function findToken(kube: KubeReader): Promise<Sensitive | undefined> {
  const account = await kube.get('serviceaccounts', checkName, checkNamespace)
  return account === undefined ? undefined : kube.tokenOf(checkName, checkNamespace, audience)
}

/** Waits for the reviewer's token, which Kubernetes writes a moment after the Secret was created. */
async function awaitReviewer({
  settings,
  kube,
  writes: { planning },
  settlingMs = settling,
}: Proving): Promise<Reviewer | undefined> {
  const found = await pollUntil(() => findReviewer(kube, settings), {
    until: (one) => one !== undefined || planning,
    milliseconds: settlingMs,
    every: 500,
  })
  if (found !== undefined || planning) return found
  throw new KitError('Kubernetes has written no token for Vault’s reviewer', {
    exitCode: exitCodes.rolloutFailed,
    details: [
      'Its token controller fills Secrets of type kubernetes.io/service-account-token within a second.',
      written(),
    ],
    hint: 'kubectl --namespace vault-reviewer describe secret vault-reviewer-token; then run the same command again',
  })
}
