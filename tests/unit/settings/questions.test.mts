import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Cancelled, exitCodes, KitError } from '../../../lib/base/errors.mts'
import { prompt } from '../../../lib/base/prompt.mts'
import { askQuestions } from '../../../lib/settings/questions.mts'
import { resolve, type Declares, type Setting } from '../../../lib/settings/settings.mts'

const host: Setting = { key: 'POSTGRES_HOST', title: 'Host', kind: 'text' }
const module: Declares = { number: 12, slug: 'n8n', title: 'n8n', shared: [], settings: [host] }

/** Asks for the host while a backend answers with `thrown`; the operator answers once, then saves. */
function ask(context: TestContext, thrown: unknown) {
  const notes: string[] = []
  context.mock.method(prompt, 'intro', () => {})
  context.mock.method(prompt, 'text', () => Promise.resolve('db.example.com'))
  context.mock.method(prompt, 'note', (lines: string) => void notes.push(lines))
  context.mock.method(prompt, 'choose', () => Promise.resolve('save'))
  const answers = askQuestions({
    module,
    env: 'dev',
    wanted: () => [host],
    generated: 0,
    complete: (overrides) => resolve([host], { env: 'dev', overrides, saved: {}, variables: {} }),
    // oxlint-disable-next-line prefer-promise-reject-errors -- what a caller throws is not always an Error
    tryOut: () => Promise.reject(thrown),
  })
  return { answers, notes }
}

test('the operator sees why a backend refuses, with its hint, and may save all the same', async (context) => {
  const refusal = new KitError('PostgreSQL db.example.com:5432 refuses the password', {
    exitCode: exitCodes.denied,
    details: ['FATAL: password authentication failed'],
    hint: 'correct POSTGRES_PASSWORD',
  })
  const { answers, notes } = ask(context, refusal)
  assert.deepEqual(await answers, { POSTGRES_HOST: 'db.example.com' })
  assert.deepEqual(notes, [
    'PostgreSQL db.example.com:5432 refuses the password\nFATAL: password authentication failed\nnext: correct POSTGRES_PASSWORD',
  ])
})

for (const [what, thrown] of [
  ['an interruption', new Cancelled()],
  ['the end by SIGTERM', new KitError('terminated', { exitCode: exitCodes.terminated })],
  ['a bug', new TypeError('x is not a function')],
] as const) {
  test(`${what} while the backends are tried is no refusal: it ends the questions`, async (context) => {
    const { answers, notes } = ask(context, thrown)
    await assert.rejects(answers, thrown)
    assert.deepEqual(notes, [])
  })
}

test('an answer that wants others has them asked after it, once each', async (context) => {
  const store: Setting = { key: 'SECRETS', title: 'Store', kind: 'text' }
  const address: Setting = { key: 'VAULT_ADDR', title: 'Address', kind: 'text' }
  const titles: string[] = []
  context.mock.method(prompt, 'intro', () => {})
  context.mock.method(prompt, 'outro', () => {})
  context.mock.method(prompt, 'text', (message: string) => {
    titles.push(message)
    return Promise.resolve(message.startsWith('Store') ? 'vault' : 'https://vault.example.com')
  })
  const answers = await askQuestions({
    module: { ...module, settings: [store, address] },
    env: 'dev',
    wanted: (given) => (given['SECRETS'] === 'vault' ? [store, address] : [store]),
    generated: 0,
    complete: (overrides) => resolve([store, address], { env: 'dev', overrides, saved: {}, variables: {} }),
    tryOut: undefined,
  })
  assert.deepEqual(answers, { SECRETS: 'vault', VAULT_ADDR: 'https://vault.example.com' })
  assert.deepEqual(titles, ['Store   1/1', 'Address   2/2'])
})
