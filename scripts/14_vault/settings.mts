import type { SettingsOf } from '../../lib/run/module.mts'
import { general } from '../../lib/settings/platform.mts'
import { registry } from '../../lib/settings/platform-backends.mts'
import { network } from '../../lib/settings/platform-network.mts'
import { vault } from '../../lib/settings/platform-vault.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import { isOrigin } from '../../lib/settings/validators.mts'

/** Settings of module 14 alone, kept in 14_vault.env. */
export const own = [
  {
    key: 'VAULT_KUBERNETES_URL',
    title: 'API server as Vault reaches it',
    help: 'With VAULT_AUTH_METHOD=kubernetes. https://10.0.0.20:6443: Vault asks there whether a pod’s token is good. The load balancer of the masters, or one of them',
    kind: 'text',
    validate: isOrigin,
    when: (view) => view.text('VAULT_AUTH_METHOD') !== 'jwt',
  },
] as const satisfies readonly Setting[]

/** Settings it shares with other modules. */
export const shared = [...general, ...vault, ...registry, ...network] as const

export type VaultSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
