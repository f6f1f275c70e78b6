import { agentFailures } from '../../lib/backends/vault-failures.mts'
import { backendFailures, ownerFailures, untrusted } from '../../lib/kube/rollout/backend-failures.mts'
import type { KnownFailure } from '../../lib/kube/rollout/failure.mts'
import { names } from './names.mts'
import type { LlmSettings } from './settings.mts'

const words = (env: string) => ({
  passwordSetting: 'LITELLM_POSTGRES_PASSWORD',
  program: '15_llm_01_deploy_litellm',
  database: names.database(env),
})

/** Known log lines of LiteLLM's processes and Jobs, and of Qdrant. */
export const failures = (settings: LlmSettings): readonly KnownFailure[] => [
  ...agentFailures(settings),
  {
    line: /P3009/,
    meaning: 'A migration failed before and stands between LiteLLM and its database; the log names it.',
    next: 'restore the backup from before the upgrade, or repair what the log names and mark it: update "_prisma_migrations" set rolled_back_at = now() where finished_at is null; then run 15_llm_01_deploy_litellm again',
  },
  ...ownerFailures(words(settings.ENV)),
  untrusted,
  {
    line: /P3018|42P07|relation ".*" already exists/,
    meaning: 'A migration failed: two programs migrated this database, or it was restored in part.',
    next: 'compare "_prisma_migrations" with the log above; restore the backup, or mark the migration as applied: update "_prisma_migrations" set finished_at = now() where migration_name = the one that is named',
  },
  {
    line: /P3005|database schema is not empty/,
    meaning: 'The database is not empty and has no history of migrations: something else made its tables.',
    next: 'LiteLLM needs a database of its own: rename that one, then run 15_llm_01_deploy_litellm again',
  },
  {
    line: /Timed out trying to acquire a postgres advisory lock|migration lock|LOCK_TIMEOUT/i,
    meaning: 'Another program holds the lock of migrations.',
    next: "wait until it has ended, or see who it is: select * from pg_locks where locktype = 'advisory'; then run 15_llm_01_deploy_litellm again",
  },
  {
    line: /Database migration cannot proceed|Database setup failed after multiple retries/,
    meaning: 'The database was not migrated; the lines above say why.',
    next: 'repair what they name, then run 15_llm_01_deploy_litellm again: the old pods serve meanwhile',
  },
  {
    line: /Error decrypting value|Did your master_key\/salt key change recently/,
    meaning: 'LITELLM_SALT_KEY is not the one this database was written with.',
    next: 'put the original LITELLM_SALT_KEY back from your copy; never a new one',
  },
  {
    line: /config validation failed|is not a dictionary|while (parsing|scanning)/,
    meaning: 'This version of LiteLLM refuses the configuration that is made of 15_llm.models.yml.',
    next: 'the line above is LiteLLM’s own: correct what it names in 15_llm.models.yml, then install again',
  },
  {
    line: /needs a connection target/,
    meaning: 'LiteLLM was given no Redis.',
    next: 'set REDIS_HOST in platform.env, then install again',
  },
  {
    line: /Can't create (Snapshots|Collections) directory|snapshots\/tmp|Failed to create init file indicator/,
    meaning: 'Qdrant may not write into its volume.',
    next: 'the volume must give its files to group 1000 (fsGroup): check its StorageClass; block storage does',
  },
  {
    line: /NotConnectedError|Engine process|query engine/i,
    meaning: 'LiteLLM’s database client could not reach PostgreSQL, or has no engine in this image.',
    next: 'check POSTGRES_HOST and pg_hba.conf; an image other than the official one must bring the engine for its libc',
  },
  {
    line: /Read-only file system|Permission denied: '\//,
    meaning: 'This version writes where its container may not.',
    next: 'go back to the version in versions.json that ran before; the folders it may write into are in environment.mts',
  },
  ...backendFailures(words(settings.ENV)),
]
