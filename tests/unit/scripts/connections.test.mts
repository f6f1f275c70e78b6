import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../lib/base/files.mts'
import { applications, settingsOf } from './rendered.mts'

/** Connections that stay free on a server, and one of each role for the kit's own login. */
const [free, own] = [20, 1]

/** The max_connections that all modules need together; the last one's own login is in none of the others' limits. */
const needed = (more: Record<string, string>): number =>
  Object.values(applications).reduce((sum, module) => {
    const { postgres } = module.backends?.(settingsOf(module, more)) ?? {}
    return sum + (postgres === undefined ? 0 : postgres.connections + own)
  }, free)

test('the READMEs name the max_connections that all modules need with their defaults', () => {
  const s3 = {
    S3_ENDPOINT: 'https://s3.example.com',
    S3_ACCESS_KEY_ID: 'a-key-of-s3',
    S3_SECRET_ACCESS_KEY: 'a-secret-of-s3',
    CHATWOOT_S3_BUCKET: 'a-bucket',
  }
  for (const file of ['README.md', 'scripts/13_superset/README.md']) {
    const [, without, all] =
      /(\d+) (?:for all modules )?with their defaults, (\d+) with S3/.exec(
        readFileSync(join(root, file), 'utf8').replaceAll('\n', ' '),
      ) ?? []
    assert.deepEqual([Number(without), Number(all)], [needed({}), needed(s3)], file)
  }
})
