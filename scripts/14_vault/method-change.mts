import { toldTo } from '../../lib/backends/vault-injector.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { log } from '../../lib/base/log.mts'
import { masterCommand } from '../../lib/base/names.mts'
import { written } from '../../lib/base/written.mts'
import { injectionLabel } from '../../lib/kube/manifests/injection-label.mts'
import type { KubeReader } from '../../lib/kube/reader.mts'
import type { Deployment } from '../../lib/kube/types.mts'
import { checkNamespace, identity, injectorName, injectorNamespace } from './names.mts'
import { accesses } from './roles.mts'
import type { VaultSettings } from './settings.mts'

/**
 * Requires, before an installed injector is changed to another auth method, that no module takes its values from Vault.
 * A pod of such a module that is created anew before its module's next run would have the annotations of one method and
 * the injector of the other, and its role would not be at the new path; and the reviewer, which the old path needs, is
 * deleted with the change.
 * @throws KitError exit 5 while a module does, or when both methods would have the same path; exit 3 or 5 to 9 from kubectl
 */
export async function requireMethodOfPods(
  kube: Pick<KubeReader, 'get' | 'list'>,
  settings: VaultSettings,
): Promise<void> {
  const live = await kube.get('deployments.apps', injectorName, injectorNamespace)
  if (live === undefined) return
  const then = toldTo(live as unknown as Deployment)
  const { VAULT_AUTH_METHOD: method, VAULT_AUTH_PATH: path, ENV } = settings
  if (then.method === method) return
  const labelled = await kube.list('namespaces', { labels: injectionLabel })
  const users = labelled.map(({ metadata }) => metadata.name).filter((name) => name !== checkNamespace)
  const change = `VAULT_AUTH_METHOD is ${method}, and the injector of this cluster works with ${then.method}`
  if (users.length > 0)
    throw new KitError(`${change}, as do the pods that take their secrets from Vault`, {
      exitCode: exitCodes.conflict,
      details: [`namespaces: ${users.join(', ')}`, `New pods of theirs would not start. ${written()}`],
      hint: `put VAULT_AUTH_METHOD=${then.method} back; take the secrets of these modules out of Vault, each by a run with --set SECRETS=kubernetes; then ${masterCommand(identity.number, ENV, '--set', `VAULT_AUTH_METHOD=${method}`)}; then each with --set SECRETS=vault. Or leave it: VAULT_AUTH_METHOD=${then.method}`,
    })
  if (then.path === path)
    throw new KitError(`${change}, at the same path ${path}`, {
      exitCode: exitCodes.conflict,
      details: [`Vault has one method at one path. ${written()}`],
      hint: `set VAULT_AUTH_PATH in credentials/${ENV}/platform.env to another word, such as ${method}`,
    })
  const left = accesses({ ...settings, VAULT_AUTH_PATH: then.path }).map(
    ({ role, policy }) => `role ${role}, policy ${policy}`,
  )
  log.warn(
    `what Vault has at auth/${then.path} stays there: ${left.join(', ')}; nothing of this cluster uses it after this run`,
    `if nothing else logs in there: vault auth disable ${then.path}`,
  )
}
