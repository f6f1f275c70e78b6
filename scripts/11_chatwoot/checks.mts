import { evictionCheck, standardChecks } from '../../lib/checks/standard.mts'
import { secretsChecks } from '../../lib/checks/vault-secrets.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { database, prepared, storage } from './checks-data.mts'
import { application, sidekiq } from './checks-pods.mts'
import {
  brand,
  cable,
  login,
  onboarding,
  sdk,
  services,
  signup,
  superAdmin,
  token,
} from './checks-visitor.mts'
import { chatwoot } from './module.mts'

export const checks: ChecksOf<typeof chatwoot> = [
  ...standardChecks(application),
  services,
  onboarding,
  signup,
  login,
  token,
  superAdmin,
  brand,
  cable,
  sdk,
  sidekiq,
  prepared,
  database,
  storage,
  evictionCheck('chatwoot'),
  ...secretsChecks(chatwoot),
]
