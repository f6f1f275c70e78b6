import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { log } from '../../lib/base/log.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import type { Writes } from '../../lib/base/writes.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import { written } from '../../lib/base/written.mts'
import { isLoginUnable, logInByKubernetes, unable, type Vault } from '../../lib/backends/vault.mts'
import type { Reply } from '../../lib/backends/vault-client.mts'
import { sendWrite } from '../../lib/backends/vault-access.mts'
import { writesFor } from './configure.mts'
import { audience } from '../../lib/kube/manifests/injection.mts'
import { checkName, checkNamespace } from './names.mts'
import type { Proved } from './preflight.mts'
import { findReviewer, requireReview, type Reviewer } from './review.mts'
import { checkRole } from './roles.mts'
import type { VaultSettings } from './settings.mts'

/** Milliseconds within which Kubernetes writes the token into its Secret, and logins work after a change. */
const settling = 15_000

/** What openAccess works with. */
export interface Making {
  readonly settings: VaultSettings
  readonly kube: KubeReader
  readonly writes: Writes
  /** The result of proveVault, from before anything was written. */
  readonly proved: Proved
  /** Milliseconds to wait for the token, and for a login that works: 15 s unless given. */
  readonly settlingMs?: number
}

/**
 * Configures Vault to accept the tokens of this cluster, and proves it by a login. Without a token for the set-up it
 * writes nothing: a login that works proves that nothing has to be changed.
 * @throws KitError exit 2 when Vault must be changed and this run has no token for the set-up; exit 8 when Vault still
 *   refuses the login after its configuration; exit 9 without the reviewer's token; exit 3, 5, 6, 7 or 8, see
 *   requireReview, writesFor, sendWrite and unable; exit 5 or 11, see Writes; exit 3 or 5 to 9 from kubectl
 */
export async function openAccess(making: Making): Promise<void> {
  const { settings, kube, writes } = making
  const { vault, admin } = making.proved
  const reviewer = await awaitReviewer(making)
  if (reviewer === undefined) {
    const what = `Vault logins of this cluster, at auth/${settings.VAULT_AUTH_PATH}`
    return writes.make([{ sign: '+', what }], () => Promise.resolve())
  }
  await requireReview(reviewer)
  const started = performance.now()
  const login = await tryLogin(kube, vault, settings)
  if (admin === undefined) {
    if (isLoginUnable(login)) throw unable(vault, 'to log in a pod', login)
    if (login.status !== 200) throw needsToken(vault, login)
    return log.ok('Vault takes the tokens of this cluster; its configuration was not compared', started)
  }
  const wanted = await writesFor(admin, settings, reviewer, login.status === 200)
  for (const one of wanted) await writes.make([one.change], () => sendWrite(admin, one))
  if (writes.planning) return
  if (wanted.length === 0) return log.ok('Vault: nothing to change, a login works', started)
  const proof = await settledLogin(vault, making)
  if (isLoginUnable(proof)) throw unable(vault, 'to log in a pod', proof)
  if (proof.status !== 200) throw stillRefused(vault, settings, proof)
  log.ok(`Vault: ${wanted.length} written, a login works`, started)
}

/**
 * Waits for the reviewer's token, which Kubernetes writes a moment after the Secret was created.
 * @returns undefined under --plan, when there is no token yet
 * @throws KitError exit 9 when there is none in time; exit 3 or 5 to 9 from kubectl
 */
async function awaitReviewer({
  settings,
  kube,
  writes,
  settlingMs = settling,
}: Making): Promise<Reviewer | undefined> {
  const { planning } = writes
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
    ],
    hint: 'kubectl --namespace vault-reviewer describe secret vault-reviewer-token; then run the same command again',
  })
}

/**
 * One login with the service account of the checks' pod.
 * @returns the response; status 0 while there is no such service account
 * @throws KitError exit 6 or 7, see send; exit 3 or 5 to 9 from kubectl
 */
async function tryLogin(kube: KubeReader, vault: Vault, settings: VaultSettings): Promise<Reply> {
  const account = await kube.get('serviceaccounts', checkName, checkNamespace)
  if (account === undefined) return { status: 0, json: undefined, words: 'no pod has tried it yet' }
  const token = await kube.tokenOf(checkName, checkNamespace, audience)
  return logInByKubernetes(vault, settings.VAULT_AUTH_PATH, checkRole, token)
}

/** Repeats the login: the API server caches a TokenReview for 10 s, so that logins may be refused after a change. */
const settledLogin = (vault: Vault, { settings, kube, settlingMs = settling }: Making): Promise<Reply> =>
  pollUntil(() => tryLogin(kube, vault, settings), {
    until: ({ status }) => status === 200,
    milliseconds: settlingMs,
    every: 1500,
  })

const needsToken = ({ where }: Vault, { status, words }: Reply): KitError =>
  new KitError(`${where} does not take the tokens of this cluster yet: ${status} ${words}`, {
    exitCode: exitCodes.usage,
    details: [`Changing that takes a token for the set-up, and this run has none. ${written()}`],
    hint: 'give it in the variable KEYBUZZ_VAULT_TOKEN: read -rs KEYBUZZ_VAULT_TOKEN; export KEYBUZZ_VAULT_TOKEN; then run the same command again',
  })

/**
 * The error (exit 8) for a login that Vault still refuses. The kit has just sent a TokenReview with the same token,
 * address and CA: the cause that remains is the connection from Vault to the API server.
 */
const stillRefused = ({ where }: Vault, settings: VaultSettings, { status, words }: Reply): KitError =>
  new KitError(`${where} was configured, and refuses a login: ${status} ${words}`, {
    exitCode: exitCodes.denied,
    details: [
      `From this machine the API server answers at ${settings.VAULT_KUBERNETES_URL}; from Vault’s it may not.`,
    ],
    hint: `on Vault’s machine: curl --insecure --max-time 5 ${settings.VAULT_KUBERNETES_URL}/version; a firewall, or a name that leads elsewhere there`,
  })
