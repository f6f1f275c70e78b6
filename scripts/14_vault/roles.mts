import { checkFile, checkName, checkNamespace } from './names.mts'
import type { Access } from '../../lib/backends/vault-access.mts'
import { mountOf } from '../../lib/settings/platform-vault.mts'
import type { VaultSettings } from './settings.mts'

// Policies in Vault, and the roles that bind each of them to one service account of one namespace. Pure.

/** The role of the checks. */
export const checkRole = 'keybuzz-check'

/** The path of the auth method's configuration in Vault's API. */
export const configPath = ({ VAULT_AUTH_PATH }: VaultSettings): string => `auth/${VAULT_AUTH_PATH}/config`

const rule = (path: string, capabilities: string): string =>
  `path "${path}" {\n  capabilities = [${capabilities}]\n}\n`

/** The path of the checks' own value in Vault's API. */
export const checkPath = ({ VAULT_KV_MOUNT, VAULT_KV_PREFIX }: VaultSettings): string =>
  `${VAULT_KV_MOUNT}/data/${VAULT_KV_PREFIX}/${checkFile}`

/**
 * Every role that the kit configures. That of the checks may also write its value: a drill changes it. With the method
 * jwt it reads the configuration of the auth method too, which holds public keys and no secret: a check compares them.
 */
export const accesses = (settings: VaultSettings): Access[] => [
  {
    mount: mountOf(settings),
    role: checkRole,
    policy: `keybuzz-${settings.VAULT_AUTH_PATH}-check`,
    rules: [
      rule(checkPath(settings), '"create", "read", "update"'),
      ...(settings.VAULT_AUTH_METHOD === 'jwt' ? [rule(configPath(settings), '"read"')] : []),
    ].join(''),
    account: checkName,
    namespace: checkNamespace,
  },
]
