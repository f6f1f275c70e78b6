import { authorityProblem } from '../../lib/base/certificate.mts'
import type { SettingsOf } from '../../lib/run/module.mts'
import { general } from '../../lib/settings/platform.mts'
import { registry } from '../../lib/settings/platform-backends.mts'
import { network } from '../../lib/settings/platform-network.mts'
import type { Setting } from '../../lib/settings/settings.mts'
import { isOrigin, type Rule } from '../../lib/settings/validators.mts'

/** The rule for Vault's address: without TLS its tokens would be sent unencrypted. */
const isVaultAddress: Rule = (value) =>
  value.startsWith('http://')
    ? 'must begin with https://: Vault’s tokens would travel in the clear'
    : isOrigin(value)

/** The rule for a path in Vault, such as kv or teams/kv. */
const isVaultPath: Rule = (value) =>
  /^[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_-]*)*$/.test(value)
    ? undefined
    : 'must be words of lower-case letters, digits, _ and -, with / between them, not at either end'

/** The rule for the path of an auth method: Vault refuses one below another (`path is already in use at`). */
const isAuthPath: Rule = (value) =>
  /^[a-z0-9][a-z0-9_-]*$/.test(value)
    ? undefined
    : 'must be one word such as kubernetes or kubernetes-staging, without / and without auth/ before it'

/** Settings of module 14 alone, kept in 14_vault.env. */
export const own = [
  {
    key: 'VAULT_ADDR',
    title: 'Address of Vault',
    help: 'https://vault.example.com:8200, of HashiCorp Vault or OpenBao, as pods reach it: one address, a load balancer for several servers',
    kind: 'text',
    validate: isVaultAddress,
  },
  {
    key: 'VAULT_CA',
    title: 'CA of Vault',
    help: 'A PEM file, beside this one, with the certificates that sign the server’s; pods get it. Without it a public CA must have signed it',
    kind: 'file',
    optional: true,
    validate: (text) => authorityProblem(text),
  },
  {
    key: 'VAULT_NAMESPACE',
    title: 'Namespace in Vault',
    help: 'Of Vault Enterprise or OpenBao. Empty: the root namespace',
    kind: 'text',
    optional: true,
    validate: isVaultPath,
  },
  {
    key: 'VAULT_KUBERNETES_URL',
    title: 'API server as Vault reaches it',
    help: 'https://10.0.0.20:6443: Vault asks there whether a pod’s token is good. The load balancer of the masters, or one of them',
    kind: 'text',
    validate: isOrigin,
  },
  {
    key: 'VAULT_AUTH_PATH',
    title: 'Path of the Kubernetes auth method',
    help: 'One for each cluster that uses this Vault. It is enabled when it is not there',
    kind: 'text',
    default: 'kubernetes',
    validate: isAuthPath,
  },
  {
    key: 'VAULT_KV_MOUNT',
    title: 'Mount of the KV engine',
    help: 'Version 2. It must be there: the kit makes none',
    kind: 'text',
    default: 'kv',
    validate: isVaultPath,
  },
  {
    key: 'VAULT_KV_PREFIX',
    title: 'Path of the kit’s values in it',
    help: 'Below the mount. Another one for each cluster that uses this Vault',
    kind: 'text',
    default: 'keybuzz',
    validate: isVaultPath,
  },
  {
    key: 'VAULT_TOKEN',
    title: 'Token for the set-up',
    help: 'For this run only, and never saved by the kit: README, "Rights". Empty: an AppRole below, or no change in Vault',
    kind: 'sensitive',
    optional: true,
    transient: true,
  },
  {
    key: 'VAULT_ROLE_ID',
    title: 'AppRole for the set-up, role id',
    help: 'Of the auth method at approle, in place of a token. Not saved either',
    kind: 'sensitive',
    optional: true,
    transient: true,
  },
  {
    key: 'VAULT_SECRET_ID',
    title: 'AppRole for the set-up, secret id',
    kind: 'sensitive',
    optional: true,
    transient: true,
  },
] as const satisfies readonly Setting[]

/** Settings it shares with other modules. */
export const shared = [...general, ...registry, ...network] as const

export type VaultSettings = SettingsOf<{ shared: typeof shared; settings: typeof own }>
