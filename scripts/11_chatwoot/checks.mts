import type { ChecksOf } from '../../lib/run/module.mts'
import { database, eviction, prepared, storage } from './checks-data.mts'
import { ready, restarts, sidekiq, spread } from './checks-pods.mts'
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
import type { chatwoot } from './module.mts'

export const checks: ChecksOf<typeof chatwoot> = [
  ready,
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
  spread,
  restarts,
  eviction,
]
