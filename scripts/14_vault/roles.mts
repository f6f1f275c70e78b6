import { checkFile, checkName, checkNamespace } from './names.mts'
import type { Access } from '../../lib/backends/vault-access.mts'
import type { VaultSettings } from './settings.mts'

// Policies in Vault, and the roles that bind each of them to one service account of one namespace. Pure.

/** The role of the checks. */
export const checkRole = 'keybuzz-check'

/** The path of the checks' own value in Vault's API. */
export const checkPath = ({ VAULT_KV_MOUNT, VAULT_KV_PREFIX }: VaultSettings): string =>
  `${VAULT_KV_MOUNT}/data/${VAULT_KV_PREFIX}/${checkFile}`

/** Every role that the kit configures. That of the checks may also write its value: a drill changes it. */
export const accesses = (settings: VaultSettings): Access[] => [
  {
    role: checkRole,
    policy: `keybuzz-${settings.VAULT_AUTH_PATH}-check`,
    rules: `path "${checkPath(settings)}" {\n  capabilities = ["create", "read", "update"]\n}\n`,
    account: checkName,
    namespace: checkNamespace,
  },
]
