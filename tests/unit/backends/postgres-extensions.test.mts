import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createExtension, requireExtensions } from '../../../lib/backends/postgres-extensions.mts'

const wanted = [
  { name: 'pg_trgm', packageFor: () => 'postgresql-contrib' },
  { name: 'vector', packageFor: (version: number) => `postgresql-${version}-pgvector` },
]
const ask = (available: string[], trusted: string[], superuser: boolean) =>
  requireExtensions(
    'PostgreSQL 192.0.2.10:5432',
    'kb_admin',
    wanted,
    { available: new Set(available), trusted: new Set(trusted) },
    { version: 16, superuser },
  )

test('an extension the server has no files of: exit 3, and the package to install', () => {
  assert.throws(
    () => ask(['pg_trgm'], ['pg_trgm'], true),
    (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.preflight)
      assert.match(thrown.message, /has no extension vector$/)
      assert.match(thrown.hint ?? '', /apt-get install postgresql-16-pgvector$/)
      return true
    },
  )
})

test('who is no superuser may make trusted ones only: exit 8', () => {
  assert.throws(
    () => ask(['pg_trgm', 'vector'], ['pg_trgm'], false),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.denied,
  )
  ask(['pg_trgm', 'vector'], ['pg_trgm', 'vector'], false)
  ask(['pg_trgm', 'vector'], ['pg_trgm'], true)
})

test('its name is quoted', () => {
  assert.equal(
    createExtension({ name: 'a"b', packageFor: () => '' }),
    'CREATE EXTENSION IF NOT EXISTS "a""b"',
  )
})
