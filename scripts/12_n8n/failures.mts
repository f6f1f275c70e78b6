import type { KnownFailure } from '../../lib/kube/rollout/failure.mts'

/** What the last lines of an n8n that does not start mean. */
export const failures: readonly KnownFailure[] = [
  {
    line: /cannot be read with this instance encryption key|Mismatching encryption keys/,
    meaning:
      'The database was written with another N8N_ENCRYPTION_KEY. Its stored credentials need the old key.',
    next: 'put the original key into 12_n8n.env (N8N_ENCRYPTION_KEY) from your backup; never generate a new one',
  },
  {
    line: /password authentication failed for user/,
    meaning: 'PostgreSQL refuses the password of the role n8n uses.',
    next: 'run 12_n8n_01_deploy again: it sets the role’s password to N8N_POSTGRES_PASSWORD',
  },
  {
    line: /WRONGPASS|NOAUTH/,
    meaning: 'Redis refuses REDIS_PASSWORD.',
    next: 'correct REDIS_PASSWORD in platform.env, then install again',
  },
  {
    line: /Lost Redis connection|ECONNREFUSED.*6379/,
    meaning: 'Redis could not be reached from the pod.',
    next: 'check REDIS_HOST and REDIS_PORT, and that the cluster’s nodes may reach them',
  },
  {
    line: /There was an error initializing DB|Initial database connection attempt/,
    meaning: 'PostgreSQL could not be reached from the pod.',
    next: 'check POSTGRES_HOST and POSTGRES_PORT, and pg_hba.conf for the addresses of nodes and pods',
  },
  {
    line: /is not a valid bcrypt hash/,
    meaning: 'The owner’s password hash was refused.',
    next: 'set N8N_OWNER_PASSWORD again with 12_n8n_00_setup_credentials',
  },
]
