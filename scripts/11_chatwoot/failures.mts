import { agentFailures } from '../../lib/backends/vault-failures.mts'
import { backendFailures } from '../../lib/kube/rollout/backend-failures.mts'
import type { KnownFailure } from '../../lib/kube/rollout/failure.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'

/** Known log lines of Chatwoot's processes and Jobs. */
export const failures = (settings: ChatwootSettings): readonly KnownFailure[] => [
  ...agentFailures(settings),
  {
    line: /relation "installation_configs" does not exist/,
    meaning: 'The pods run on a database that was never prepared.',
    next: 'run 11_chatwoot_01_deploy again: the Job prepares it before the pods',
  },
  {
    line: /extension "\w+" is not available|permission denied to create extension/,
    meaning: 'The database lacks an extension, and its owner may not make it.',
    next: 'run 11_chatwoot_01_deploy again: it names the package that is missing, or the statement for a superuser, who alone may make that one',
  },
  {
    line: /canceling statement due to statement timeout/,
    meaning: 'A migration took longer than its statement may.',
    next: 'look for locks on the large tables; then run the same command again',
  },
  {
    line: /prepared statement "\w+" already exists/,
    meaning: 'POSTGRES_HOST leads to PgBouncer in transaction mode, which Rails does not support.',
    next: 'set POSTGRES_HOST and POSTGRES_PORT to the leader itself',
  },
  {
    line: /Password must contain|Validation failed: Password/,
    meaning: 'Chatwoot refuses the super admin’s password.',
    next: 'set CHATWOOT_ADMIN_PASSWORD with a small and a capital letter, a digit and a special character',
  },
  {
    line: /Read-only file system|EROFS|EACCES|Permission denied @/,
    meaning: 'This version writes where its container may not.',
    next: 'set CHATWOOT_ROOT=true in 11_chatwoot.env, then install again',
  },
  ...backendFailures({
    passwordSetting: 'CHATWOOT_POSTGRES_PASSWORD',
    program: '11_chatwoot_01_deploy',
    database: names.database(settings.ENV),
  }),
]
