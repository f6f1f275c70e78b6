import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainLines } from '../../../../lib/kube/rollout/failure.mts'
import { failures } from '../../../../scripts/15_llm/failures.mts'
import type { LlmSettings } from '../../../../scripts/15_llm/settings.mts'

// Last lines as LiteLLM, Prisma and Qdrant write them, and what an operator is told.

for (const [lines, meaning] of [
  [['Error: P3009', 'migrate found failed migrations in the target database'], /A migration failed before/],
  [
    ['Error: P3018', 'Database error code: 42P07', 'relation "LiteLLM_X" already exists'],
    /two programs migrated/,
  ],
  [
    ['Error: P3018', 'Database error code: 42501', 'permission denied for schema public'],
    /The schema of the database belongs to another role/,
  ],
  [['Error: P3005', 'The database schema is not empty.'], /not empty and has no history/],
  [
    ['Timed out trying to acquire a postgres advisory lock (SELECT pg_advisory_lock(72707369))'],
    /holds the lock/,
  ],
  [['Database migration cannot proceed'], /was not migrated/],
  [
    ['SSL error: certificate verify failed', 'Database migration cannot proceed'],
    /not signed by the CA that the pods have/,
  ],
  [['Database setup failed after multiple retries'], /was not migrated/],
  [
    ['Error decrypting value for key: api_key, Did your master_key/salt key change recently?'],
    /^LITELLM_SALT_KEY is not the one this database was written with/,
  ],
  [["config validation failed: 'model'"], /refuses the configuration/],
  [["Item 'm1' is not a dictionary."], /refuses the configuration/],
  [['needs a connection target: set one of host, url, startup_nodes, or sentinel_nodes'], /no Redis/],
  [
    ['Failed to create init file indicator: Permission denied (os error 13)'],
    /may not write into its volume/,
  ],
  [["Can't create Snapshots directory: Permission denied"], /may not write into its volume/],
  [["Can't create Collections directory: Permission denied"], /may not write into its volume/],
  [
    ['prisma.engine.errors.NotConnectedError: Not connected to the query engine'],
    /could not reach PostgreSQL/,
  ],
  [["PermissionError: [Errno 13] Permission denied: '/app/x'"], /writes where its container may not/],
  [["OSError: [Errno 30] Read-only file system: '/app/x'"], /writes where its container may not/],
  [['FATAL: password authentication failed for user "llm"'], /refuses the password/],
] as const)
  test(`"${lines.at(-1)}" is explained, with what to do`, () => {
    const { known } = explainLines(lines, failures({ ENV: 'staging' } as LlmSettings))
    assert.match(known?.meaning ?? '', meaning)
    assert.ok((known?.next.length ?? 0) > 20)
  })
