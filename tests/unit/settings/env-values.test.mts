import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { isPublicValue, problemOfEnvFile, valuesIn } from '../../../lib/settings/env-values.mts'

test('an invalid file of values is refused by its name', () => {
  assert.throws(() => valuesIn('15_llm.keys.env', sensitive("A='1'\nB=planted-1\n")), {
    exitCode: exitCodes.usage,
    message: "15_llm.keys.env line 2: it is not of the form KEY='value'",
  })
  assert.deepEqual(valuesIn('15_llm.keys.env', undefined), {})
})

test('a variable the kit gives itself is named with its line, also after a byte order mark', () => {
  const problem = (text: string) => problemOfEnvFile('15_llm.keys.env', text, (key) => key === 'PATH')
  assert.equal(problem("\uFEFFPATH='1'\n"), 'line 1: PATH is given by the kit itself')
  assert.equal(problem("\uFEFFA='1'\r\nPATH='1'\r\n"), 'line 2: PATH is given by the kit itself')
  assert.equal(problem("\uFEFFA='1'\n"), undefined)
})

for (const [name, value, is] of [
  ['MODE', 'production', true],
  ['REGION', 'eu-west-1', true],
  ['SMTP_HOST', 'mail.shop.example.com', true],
  ['CACHE', 'cache.example.com:6379', true],
  ['MAIL_FROM', 'support@shop.example.com', true],
  // Its name says that it is one.
  ['SMTP_PASSWORD', 'production', false],
  ['API_TOKEN', 'token.example.com', false],
  // Its form does.
  ['STRIPE', 'sk-live-0123456789', false],
  ['SALT', '0123456789abcdef0123456789abcdef', false],
  ['SALT', 'abcdefabcdefabcdefabcdef', false],
  ['DSN', 'https://key@errors.example.com/1', false],
  ['DATABASE', 'user:secret-words@db.example.com', false],
] as const)
  test(`${name}='${value}' is ${is ? 'public: other objects may have it too' : 'not taken for public'}`, () =>
    assert.equal(isPublicValue(name, value), is))
