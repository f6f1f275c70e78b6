import { resolve, typed } from '../../../../lib/settings/settings.mts'
import { k3s } from '../../../../scripts/09_k3s/module.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { tokens } from './machines.mts'

/** Settings of a cluster of these machines, with the tokens it was made with. */
export const saved = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'ops@example.com',
  K3S_TOKEN: tokens.server,
  K3S_AGENT_TOKEN: tokens.agent,
}
export const sources = { env: 'staging', overrides: {}, saved, variables: {} }
export const settings = typed('staging', resolve([...k3s.shared, ...k3s.settings], sources)) as K3sSettings
/** What is installed on them. */
export const versions = {
  k3s: { version: 'v1', file: 'artifacts/k3s', sha256: '0'.repeat(64) },
  'k3s-images': { version: 'v1', file: 'artifacts/images.tar', sha256: '1'.repeat(64) },
}
