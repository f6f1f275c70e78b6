import { resolve, typed, type RawValues } from '../../../../lib/settings/settings.mts'
import { vault } from '../../../../scripts/14_vault/module.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'

// Settings of module 14, as its tests begin with them.

export const saved: RawValues = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'ops@example.com',
  VAULT_ADDR: 'https://vault.example.com:8200',
  VAULT_KUBERNETES_URL: 'https://10.0.0.20:6443',
}

export const settingsFor = (more: RawValues = {}, env = 'staging'): VaultSettings => {
  const sources = { env, overrides: {}, saved: { ...saved, ...more }, variables: {} }
  return typed(env, resolve([...vault.shared, ...vault.settings], sources)) as VaultSettings
}

export const images = { 'vault-k8s': 'vault-k8s:1', 'vault-agent': 'vault:1' }
