import { agentFailures } from '../../lib/backends/vault-failures.mts'
import { backendFailures } from '../../lib/kube/rollout/backend-failures.mts'
import type { KnownFailure } from '../../lib/kube/rollout/failure.mts'
import { names } from './names.mts'
import type { N8nSettings } from './settings.mts'

/** Known log lines of an n8n that does not start. */
export const failures = (settings: N8nSettings): readonly KnownFailure[] => [
  ...agentFailures(settings),
  {
    line: /cannot be read with this instance encryption key|Mismatching encryption keys/,
    meaning:
      'The database was written with another N8N_ENCRYPTION_KEY. Its stored credentials need the old key.',
    next: 'put the original key into 12_n8n.env (N8N_ENCRYPTION_KEY) from your backup, then run the same command again: the key of this failed start protects nothing and is replaced',
  },
  {
    line: /is not a valid bcrypt hash/,
    meaning: 'The owner’s password hash was refused.',
    next: 'set N8N_OWNER_PASSWORD again with 12_n8n_00_setup_credentials',
  },
  ...backendFailures({
    passwordSetting: 'N8N_POSTGRES_PASSWORD',
    program: '12_n8n_01_deploy',
    database: names.database(settings.ENV),
  }),
]
