import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { isSensitive } from '../../../lib/base/sensitive.mts'
import { general } from '../../../lib/settings/platform.mts'
import { openInputs } from '../../../lib/run/inputs.mts'
import { defineModule } from '../../../lib/run/module.mts'
import type { Arguments } from '../../../lib/run/request.mts'

const module = defineModule({
  number: 20,
  slug: 'shop',
  title: 'Shop',
  scope: 'cluster',
  shared: [],
  settings: [
    { key: 'SHOP_TOKEN', title: 'Token', kind: 'sensitive', optional: true, transient: true },
    { key: 'SHOP_GIB', title: 'GiB', kind: 'number', optional: true },
  ],
  images: [],
  objects: () => ({}),
})
const options = { verb: 'install', confirm: [], set: [], noInput: true, plan: false } as unknown as Arguments
afterEach(() => void delete process.env['KEYBUZZ_SHOP_TOKEN'])

test('a value for one run is there in all of its steps, although no file holds it', async () => {
  process.env['KEYBUZZ_SHOP_TOKEN'] = 'token-of-one-run'
  const inputs = await openInputs(module, 'no-such-environment', options)
  await inputs.ensure({}, () => assert.fail('a file would be written'))
  delete process.env['KEYBUZZ_SHOP_TOKEN']
  const { SHOP_TOKEN: token } = inputs.current()
  assert.ok(isSensitive(token) && token.reveal() === 'token-of-one-run')
  const next = await openInputs(module, 'no-such-environment', options)
  assert.equal(next.current().SHOP_TOKEN, undefined)
})

test('no variable and no flag takes the protection of prod away, where no file says anything', async (context) => {
  context.after(() => void delete process.env['KEYBUZZ_PROTECTED'])
  const shop = { ...module, shared: [...general] }
  const isProtected = async (env: string, set: string[] = []) =>
    (await openInputs(shop, env, { ...options, set })).isProtected()
  assert.equal(await isProtected('prod'), true)
  assert.equal(await isProtected('no-such-environment'), false)
  process.env['KEYBUZZ_PROTECTED'] = 'false'
  assert.equal(await isProtected('prod'), true)
  assert.equal(await isProtected('prod', ['PROTECTED=false']), true)
  process.env['KEYBUZZ_PROTECTED'] = 'true'
  assert.equal(await isProtected('no-such-environment'), true)
})

test('settings that the cluster refuses are refused complete, before a file is written', async () => {
  const inputs = await openInputs(module, 'no-such-environment', { ...options, set: ['SHOP_GIB=5'] })
  let judged: unknown
  await assert.rejects(
    inputs.ensure(
      {},
      () => assert.fail('a file would be written'),
      undefined,
      undefined,
      (settings) => {
        judged = settings.SHOP_GIB
        return Promise.reject(new Error('volumes do not shrink'))
      },
    ),
    /volumes do not shrink/,
  )
  assert.equal(judged, 5)
})
