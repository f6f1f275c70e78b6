import { exitCodes, KitError } from '../base/errors.mts'
import { masterCommand } from '../base/names.mts'
import { written } from '../base/written.mts'
import { injectorAt, webhookName } from '../kube/manifests/injection.mts'
import type { KubeReader } from '../kube/reader.mts'
import type { Deployment } from '../kube/types.mts'
import type { AuthMethod, VaultConnection } from '../settings/platform-vault.mts'

/**
 * Requires the injector of module 14, for the Vault of these settings. Without it pods would start without their
 * secrets, and while none of it is ready, pods would be refused.
 * @throws KitError exit 3 when there is none or none is ready; exit 5 when it is for another Vault; exit 3 or 5 to 9 from
 *   kubectl
 */
export async function requireInjector(
  kube: Pick<KubeReader, 'get'>,
  settings: VaultConnection,
): Promise<void> {
  const { namespace, name } = injectorAt
  const [webhook, live] = await Promise.all([
    kube.get('mutatingwebhookconfigurations.admissionregistration.k8s.io', webhookName),
    kube.get('deployments.apps', name, namespace),
  ])
  const { webhooks = [] } = (webhook ?? {}) as { webhooks?: { clientConfig?: { caBundle?: unknown } }[] }
  const injector = live as unknown as Deployment | undefined
  if (webhook === undefined || injector === undefined)
    throw refusal(
      'no injector is installed in this cluster: pods would start without their secrets',
      settings,
    )
  if (!webhooks[0]?.clientConfig?.caBundle || (injector.status?.readyReplicas ?? 0) === 0)
    throw refusal('the injector is not ready: pods that ask for secrets would be refused', settings)
  const { address, method, path } = toldTo(injector)
  const theirs = [address, `auth/${path}`, `method ${method}`]
  const ours = [
    settings.VAULT_ADDR,
    `auth/${settings.VAULT_AUTH_PATH}`,
    `method ${settings.VAULT_AUTH_METHOD}`,
  ]
  if (theirs.join(' ') === ours.join(' ')) return
  throw new KitError('the injector of this cluster is for another Vault than these settings', {
    exitCode: exitCodes.conflict,
    details: [`injector: ${theirs.join(', ')}`, `settings: ${ours.join(', ')}`, written()],
    hint: `set VAULT_ADDR, VAULT_AUTH_METHOD and VAULT_AUTH_PATH in credentials/${settings.ENV}/platform.env to those of the injector, or install module 14 with these`,
  })
}

/** The Vault for which an injector was installed, and how its pods log in there. */
export function toldTo({ spec }: Deployment): {
  readonly address: string
  readonly method: string
  readonly path: string
} {
  const env = spec?.template.spec?.containers[0]?.env ?? []
  const valueOf = (name: string) => env.find((one) => one.name === `AGENT_INJECT_VAULT_${name}`)?.value
  const path = valueOf('AUTH_PATH')?.replace('auth/', '') ?? ''
  return { address: valueOf('ADDR') ?? '', method: valueOf('AUTH_TYPE') ?? injectorDefault, path }
}

/** The auth method of an injector that is told none (vault-k8s: DefaultVaultAuthType). */
const injectorDefault: AuthMethod = 'kubernetes'

const refusal = (what: string, { ENV }: VaultConnection): KitError =>
  new KitError(what, {
    exitCode: exitCodes.preflight,
    details: [written()],
    hint: `${masterCommand(14, ENV)}; then run the same command again`,
  })
