import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { log } from '../../lib/base/log.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import type { Writes } from '../../lib/base/writes.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import { written } from '../../lib/base/written.mts'
import { isLoginUnable, logInAsPod, unable, type Vault } from '../../lib/backends/vault.mts'
import type { Reply } from '../../lib/backends/vault-client.mts'
import { sendWrite } from '../../lib/backends/vault-access.mts'
import { writesFor } from './configure.mts'
import type { Proved } from './preflight.mts'
import { findToken, proveConfig, settling, type Proving } from './prove.mts'
import { checkRole } from './roles.mts'
import type { VaultSettings } from './settings.mts'

/** What openAccess works with. */
export interface Making extends Proving {
  readonly writes: Writes
  /** The result of proveVault, from before anything was written. */
  readonly proved: Proved
  /** True when this run made the reviewer: Vault has the token of another one, or none. */
  readonly isReviewerNew: boolean
}

/**
 * Configures Vault to accept the tokens of this cluster, and proves it by a login. Without a token for the set-up it
 * writes nothing: a login that works proves that nothing has to be changed.
 * @throws KitError exit 2 when Vault must be changed and this run has no token for the set-up; exit 8 when Vault still
 *   refuses the login after its configuration; exit 3 or 5 to 9, see proveConfig, writesFor, sendWrite and unable; exit 5
 *   or 11, see Writes; exit 3 or 5 to 9 from kubectl
 */
export async function openAccess(making: Making): Promise<void> {
  const { settings, kube, writes, isReviewerNew } = making
  const { vault, admin } = making.proved
  const config = await proveConfig(making)
  if (config === undefined) {
    const what = `Vault logins of this cluster, at auth/${settings.VAULT_AUTH_PATH}`
    return writes.make([{ sign: '+', what }], () => Promise.resolve())
  }
  const started = performance.now()
  // The API server goes on taking a deleted reviewer's token for 10 s: a login in that time proves nothing.
  const login = isReviewerNew ? notTried('its reviewer is new') : await tryLogin(kube, vault, settings)
  if (admin === undefined) {
    if (isLoginUnable(login)) throw unable(vault, 'to log in a pod', login)
    if (login.status !== 200) throw needsToken(vault, login)
    return log.ok('Vault takes the tokens of this cluster; its configuration was not compared', started)
  }
  const wanted = await writesFor(admin, settings, config, login.status === 200)
  for (const one of wanted) await writes.make([one.change], () => sendWrite(admin, one))
  if (writes.planning) return
  if (wanted.length === 0) return log.ok('Vault: nothing to change, a login works', started)
  const proof = await settledLogin(vault, making)
  if (isLoginUnable(proof)) throw unable(vault, 'to log in a pod', proof)
  if (proof.status !== 200) throw stillRefused(vault, settings, proof)
  log.ok(`Vault: ${wanted.length} written, a login works`, started)
}

/**
 * One login with the service account of the checks' pod.
 * @returns the response; status 0 while there is no such service account
 * @throws KitError exit 6 or 7, see send; exit 3 or 5 to 9 from kubectl
 */
async function tryLogin(kube: KubeReader, vault: Vault, settings: VaultSettings): Promise<Reply> {
  const token = await findToken(kube)
  if (token === undefined) return notTried('no pod has tried it yet')
  return logInAsPod(vault, settings.VAULT_AUTH_PATH, checkRole, token)
}

const notTried = (words: string): Reply => ({ status: 0, json: undefined, words })

/** Repeats the login: the API server caches a TokenReview for 10 s, and standbys of Vault learn of a change late. */
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
 * The error (exit 8) for a login that Vault still refuses. The kit has just tried what Vault got: with the method
 * kubernetes the cause that remains is the connection from Vault to the API server, with jwt Vault names the claim.
 */
const stillRefused = ({ where }: Vault, settings: VaultSettings, { status, words }: Reply): KitError =>
  new KitError(`${where} was configured, and refuses a login: ${status} ${words}`, {
    exitCode: exitCodes.denied,
    ...(settings.VAULT_AUTH_METHOD === 'jwt'
      ? {
          details: ['The keys that Vault was given prove the same token on this machine.'],
          hint: 'the clocks of Vault and of the masters: timedatectl status; README of this module, "A login that is refused"; then run the same command again',
        }
      : {
          details: [
            `From this machine the API server answers at ${settings.VAULT_KUBERNETES_URL}; from Vault’s it may not.`,
          ],
          hint: `on Vault’s machine: curl --insecure --max-time 5 ${settings.VAULT_KUBERNETES_URL}/version; a firewall, or a name that leads elsewhere there`,
        }),
  })
