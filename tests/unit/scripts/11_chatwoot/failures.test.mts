import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainLines } from '../../../../lib/kube/rollout/failure.mts'
import { failures } from '../../../../scripts/11_chatwoot/failures.mts'
import type { ChatwootSettings } from '../../../../scripts/11_chatwoot/settings.mts'

// Last lines as Rails writes them, and what an operator is told.

const nextOf = (line: string): string =>
  explainLines([line], failures({ ENV: 'staging' } as ChatwootSettings)).known?.next ?? ''

test('an extension its owner may not make: the install names package or statement, and makes none as superuser', () => {
  const next = nextOf('PG::InsufficientPrivilege: ERROR:  permission denied to create extension "vector"')
  assert.match(next, /11_chatwoot_01_deploy again: it names the package .* or the statement for a superuser/)
  assert.doesNotMatch(next, /as superuser/)
})

test('tables of another role are named by the install; the schema is handed over by one command', () => {
  assert.match(
    nextOf('PG::InsufficientPrivilege: ERROR:  permission denied for table users'),
    /^run 11_chatwoot_01_deploy again: it names what belongs to another role/,
  )
  assert.match(
    nextOf('PG::InsufficientPrivilege: ERROR:  must be owner of table users'),
    /11_chatwoot_01_deploy/,
  )
  assert.equal(
    nextOf('PG::InsufficientPrivilege: ERROR:  permission denied for schema public'),
    "as superuser: psql --dbname chatwoot_staging --command 'ALTER SCHEMA public OWNER TO chatwoot_staging'; then install again",
  )
})
