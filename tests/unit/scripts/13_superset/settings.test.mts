import assert from 'node:assert/strict'
import { test } from 'node:test'
import { superset } from '../../../../scripts/13_superset/module.mts'
import { complete, problemOf, refusal } from '../refused.mts'

// What an operator may give, as the first step completes it: nothing is asked, nothing is written.

const given = {
  DOMAIN: 'staging.example.com',
  OPERATOR_EMAIL: 'Ops@example.com',
  POSTGRES_HOST: 'db.example.com',
  POSTGRES_PASSWORD: 'superuser-password',
  REDIS_HOST: 'redis.example.com',
  REDIS_PASSWORD: 'redis-password',
}

test('with the platform’s settings alone everything else is made or has a default', async () => {
  const resolved = await complete(superset, given)
  const text = (key: string) => resolved.find(({ setting }) => setting.key === key)?.text
  assert.equal(text('SUPERSET_HOST'), 'superset.staging.example.com')
  assert.equal(text('SUPERSET_ADMIN_EMAIL'), 'ops@example.com')
  assert.equal(Buffer.from(text('SUPERSET_SECRET_KEY') ?? '', 'base64').length, 42)
  assert.notEqual(text('SUPERSET_GUEST_TOKEN_SECRET'), text('SUPERSET_ASYNC_TOKEN_SECRET'))
  assert.ok((text('SUPERSET_ASYNC_TOKEN_SECRET') ?? '').length >= 32)
})

test('a mail relay without a sender: the operator’s address sends; an empty one is refused, and so is none: exit 2', async () => {
  const { OPERATOR_EMAIL, ...nobody } = given
  const mail = { SMTP_HOST: 'smtp.example.com' }
  const resolved = await complete(superset, { ...given, ...mail })
  assert.equal(resolved.find(({ setting }) => setting.key === 'SMTP_FROM')?.text, OPERATOR_EMAIL)
  assert.match(
    await problemOf(superset, { ...given, ...mail, SMTP_FROM: '' }),
    /^SMTP_FROM "" must be an e-mail/,
  )
  const { exitCode, details } = await refusal(superset, { ...nobody, ...mail })
  assert.equal(exitCode, 2)
  assert.match(details.join('\n'), /^OPERATOR_EMAIL /)
})

const key = 'b3JpZ2luYWwtb3JpZ2luYWwtb3JpZ2luYWwtb3JpZ2luYWw='
const bad: [what: string, more: Record<string, string>, said: RegExp][] = [
  [
    'a key shorter than 32 characters',
    { SUPERSET_SECRET_KEY: 'x-short-key' },
    /^SUPERSET_SECRET_KEY must be 42 random bytes, base64; Superset itself would take any/,
  ],
  [
    'the public default key',
    { SUPERSET_SECRET_KEY: 'CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET' },
    /^SUPERSET_SECRET_KEY is Superset’s public default/,
  ],
  [
    'a password that a stored connection would not keep',
    { SUPERSET_POSTGRES_PASSWORD: 'a-role%40password' },
    /^SUPERSET_POSTGRES_PASSWORD must not have % before two hexadecimal digits/,
  ],
  ['root', { SUPERSET_UID: '0' }, /^SUPERSET_UID "0" must be from 1 to 65535/],
  ['a user by name', { SUPERSET_UID: 'superset' }, /^SUPERSET_UID "superset" must be a whole number/],
  ['a host that is none', { SUPERSET_HOST: 'Superset' }, /^SUPERSET_HOST "Superset" must be a DNS name/],
  [
    'a mail relay and no sender',
    { SMTP_HOST: 'smtp.example.com', SMTP_FROM: 'nobody' },
    /^SMTP_FROM "nobody" must be an e-mail/,
  ],
  [
    'reports without a mail relay',
    { SUPERSET_REPORTS: 'true' },
    /^SUPERSET_REPORTS is true and SMTP_HOST is empty/,
  ],
  ['one web pod', { SUPERSET_WEB_MAX: '1' }, /^SUPERSET_WEB_MAX "1" must be from 2 to 50/],
  [
    'a Redis number there is not',
    { SUPERSET_REDIS_DB: '99' },
    /^SUPERSET_REDIS_DB "99" must be from 0 to 63/,
  ],
  [
    'a short password',
    { SUPERSET_ADMIN_PASSWORD: 'short' },
    /^SUPERSET_ADMIN_PASSWORD must have 8 characters or more/,
  ],
]
for (const [what, more, said] of bad)
  test(`${what}: one error, exit 2, and no secret in it`, async () => {
    const problem = await problemOf(superset, { ...given, ...more })
    assert.match(problem, said)
    assert.ok(!/x-short-key|CHANGE_ME|short \(/.test(problem))
  })

test('another key than the cluster runs with: exit 5, and it can never be replaced; a lost one is adopted', async () => {
  const live = { SUPERSET_SECRET_KEY: key }
  const thrown = await refusal(superset, { ...given, SUPERSET_SECRET_KEY: `${key}x` }, live)
  assert.equal(thrown.exitCode, 5)
  assert.match(thrown.details.join('\n'), /It can never be replaced/)
  const resolved = await complete(superset, given, live)
  assert.equal(resolved.find(({ setting }) => setting.key === 'SUPERSET_SECRET_KEY')?.text, key)
})
