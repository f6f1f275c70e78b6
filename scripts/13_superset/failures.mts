import { agentFailures } from '../../lib/backends/vault-failures.mts'
import { backendFailures } from '../../lib/kube/rollout/backend-failures.mts'
import type { KnownFailure } from '../../lib/kube/rollout/failure.mts'
import { names } from './names.mts'
import type { SupersetSettings } from './settings.mts'

const build =
  'build it with scripts/13_superset/Dockerfile (README, "The image"), and name it in versions.json'

/** Known log lines of Superset's processes and Jobs. Those of Vault's agent and of the preflight come first. */
export const failures = (settings: SupersetSettings): readonly KnownFailure[] => [
  ...agentFailures(settings),
  {
    line: /preflight: no module psycopg2|No module named '?psycopg2/,
    meaning:
      'The image has no PostgreSQL driver, or has it outside /app/.venv: nothing in it can open the database.',
    next: build,
  },
  {
    line: /preflight: uid \d+ is not the user superset/,
    meaning: 'The image’s user has another number than SUPERSET_UID: it could not read its own files.',
    next: 'set SUPERSET_UID in 13_superset.env to the number the line shows, then install again',
  },
  {
    line: /preflight: kombu|VersionMismatch: Redis transport/,
    meaning: 'The image’s Celery wants a newer redis than Superset takes: Celery was installed over it.',
    next: `${build}: its Celery stays as Superset’s own image has it`,
  },
  {
    line: /preflight: no browser/,
    meaning:
      'SUPERSET_REPORTS is true, and the image has no Chromium, or not its driver, to take pictures with.',
    next: 'build it with --build-arg BROWSER=1, or set SUPERSET_REPORTS=false in 13_superset.env',
  },
  {
    line: /preflight: /,
    meaning: 'The image cannot run Superset as the kit starts it.',
    next: build,
  },
  {
    line: /KeyError: '\w+'/,
    meaning: 'superset_config.py reads a variable that the pod does not have.',
    next: 'another superset_config.py than the kit’s is in the image: the kit’s own reads what its pods have',
  },
  {
    line: /Can't locate revision identified by/,
    meaning: 'The database was migrated by a newer Superset than this image.',
    next: 'put the newer image back into versions.json, or restore the dump taken before the upgrade',
  },
  {
    line: /DuplicateTable|DuplicateColumn/,
    meaning: 'A migration met what an earlier, interrupted one had made already.',
    next: 'restore the dump taken before the upgrade, then upgrade again',
  },
  {
    line: /LockNotAvailable|canceling statement due to (lock|statement) timeout|deadlock detected/,
    meaning: 'The migration waited for a lock that something else holds on Superset’s tables.',
    next: 'end what works on that database (pg_stat_activity), then run the same command again',
  },
  {
    line: /Invalid decryption key/,
    meaning:
      'The database was written with another SUPERSET_SECRET_KEY. Its stored connections need the old key.',
    next: 'put the original key into 13_superset.env (SUPERSET_SECRET_KEY) from your backup; never generate a new one',
  },
  {
    line: /Refusing to start due to insecure SECRET_KEY/,
    meaning: 'Superset sees its public default key.',
    next: 'set SUPERSET_SECRET_KEY to 42 random bytes, base64: openssl rand -base64 42',
  },
  {
    line: /is not a valid port number/,
    meaning: 'A variable SUPERSET_PORT comes from somewhere other than the kit.',
    next: 'look for it in the image (docker inspect): the kit’s pods have no service links',
  },
  ...backendFailures({
    passwordSetting: 'SUPERSET_POSTGRES_PASSWORD',
    program: '13_superset_01_deploy',
    database: names.database(settings.ENV),
  }),
]
