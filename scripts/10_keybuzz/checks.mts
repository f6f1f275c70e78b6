import { standardChecks } from '../../lib/checks/standard.mts'
import { secretsChecks } from '../../lib/checks/vault-secrets.mts'
import type { ChecksOf } from '../../lib/run/module.mts'
import { autoscalers } from './checks-scaling.mts'
import { application, backends } from './checks-pods.mts'
import { bodyLimit } from './checks-body.mts'
import { headers, https, inside, outside } from './checks-visitor.mts'
import { isPublic } from './in-vault.mts'
import { keybuzz } from './module.mts'

export const checks: ChecksOf<typeof keybuzz> = [
  ...standardChecks(application),
  inside,
  outside,
  backends,
  autoscalers,
  https,
  headers,
  bodyLimit,
  ...secretsChecks(keybuzz, { files: ['API_ENV', 'FRONT_ENV'], isPublic }),
]
