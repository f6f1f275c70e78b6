import { isInterruption, KitError, messageOf } from '../base/errors.mts'
import { log } from '../base/log.mts'
import { namesOf } from '../base/names.mts'
import { sensitive } from '../base/sensitive.mts'
import { logInAs, readStored } from '../backends/vault-values.mts'
import { placeIn } from '../kube/manifests/delivery.mts'
import { methodOf, usesVault, type VaultConnection } from '../settings/platform-vault.mts'
import type { RawValues } from '../settings/settings.mts'
import type { LiveValues } from '../state/kept-keys.mts'
import { accountOf } from './kept-secrets.mts'
import { liveValues } from './live-secrets.mts'
import type { Module } from './module.mts'
import type { OpenedCluster } from './opened-cluster.mts'
import type { Session } from './session.mts'

/**
 * The secret values from which lost settings are restored: those of the module's live Secrets and, when a secret of the
 * last revision has no value any more, those that it keeps in Vault. Vault is read by a login of its pods: no token is
 * needed. While Vault does not answer, a warning says so, and its values are missing.
 * @throws KitError exit 3 or 5 to 9 from kubectl; exit 130 or 143 on a signal
 */
export async function adoptableValues<M extends Module>(
  session: Session<M>,
  opened: OpenedCluster,
): Promise<LiveValues> {
  const live = liveValues(await opened.kube.objects(), opened.look.namespaces)
  const made = opened.revisions.current?.madeWith
  if (made === undefined || !usesVault(made.values)) return live
  const lost = made.secrets.filter(
    (key) => session.inputs.text(key) === undefined && live.values[key] === undefined,
  )
  if (lost.length === 0) return live
  return { ...live, values: { ...(await valuesInVault(session, opened, made.values)), ...live.values } }
}

/** The values of a module in Vault, by key; none when it does not show them. */
async function valuesInVault<M extends Module>(
  { module, env, inputs }: Session<M>,
  { kube }: OpenedCluster,
  then: RawValues,
): Promise<RawValues> {
  const text = (key: string): string | undefined => inputs.text(key) ?? then[key]
  const address = text('VAULT_ADDR')
  if (address === undefined) return {}
  const ca = text('VAULT_CA')
  const connection: VaultConnection = {
    ENV: env,
    VAULT_ADDR: address,
    VAULT_CA: ca === undefined ? undefined : sensitive(ca),
    VAULT_NAMESPACE: text('VAULT_NAMESPACE') || undefined,
    VAULT_AUTH_METHOD: methodOf({ VAULT_AUTH_METHOD: text('VAULT_AUTH_METHOD') }),
    VAULT_AUTH_PATH: text('VAULT_AUTH_PATH') ?? '',
    VAULT_KV_MOUNT: text('VAULT_KV_MOUNT') ?? '',
    VAULT_KV_PREFIX: text('VAULT_KV_PREFIX') ?? '',
  }
  const place = placeIn(connection, namesOf(module).namespace(env), accountOf(module))
  try {
    const login = await logInAs(connection, kube.reader, place)
    if (login === undefined || 'refused' in login) return {}
    const { values } = await readStored(login.vault, place.path)
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value.reveal()]))
  } catch (thrown) {
    if (!(thrown instanceof KitError) || isInterruption(thrown)) throw thrown
    log.warn(`lost secrets are not restored from Vault: ${messageOf(thrown)}`, thrown.hint)
    return {}
  }
}
