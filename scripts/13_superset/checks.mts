import { evictionCheck, standardChecks } from '../../lib/checks/standard.mts'
import { secretsChecks } from '../../lib/checks/vault-secrets.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { application } from './application.mts'
import { migrated, roles } from './checks-data.mts'
import { beat, configuration } from './checks-pods.mts'
import { key, sqlLab } from './checks-query.mts'
import { closed, form, forwarded, limiter, login, publicPages } from './checks-visitor.mts'
import { superset } from './module.mts'

export const checks: ChecksOf<typeof superset> = [
  ...standardChecks(application),
  configuration,
  publicPages,
  forwarded,
  login,
  form,
  closed,
  key,
  sqlLab,
  limiter,
  beat,
  migrated,
  roles,
  evictionCheck('superset'),
  ...secretsChecks(superset),
]
