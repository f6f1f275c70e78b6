import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { proxyFor } from '../../../lib/base/proxy-choice.mts'

const target = new URL('https://github.com/k3s-io/k3s')
const basic = (account: string) => `Basic ${Buffer.from(account).toString('base64')}`

for (const [address, host, port, account, tls] of [
  ['http://proxy.example.com:3128', 'proxy.example.com', 3128, undefined, false],
  ['proxy.example.com:3128', 'proxy.example.com', 3128, undefined, false],
  ['https://proxy.example.com/', 'proxy.example.com', 443, undefined, true],
  ['http://kit:p@proxy.example.com', 'proxy.example.com', 80, 'kit:p', false],
  ['http://kit:p@w/1@proxy.example.com:8080/', 'proxy.example.com', 8080, 'kit:p@w/1', false],
  ['http://kit:p%40w%2F1@[2001:db8::1]:8080', '2001:db8::1', 8080, 'kit:p@w/1', false],
  ['http://kit:100%@proxy.example.com:8080', 'proxy.example.com', 8080, 'kit:100%', false],
] as const) {
  test(`HTTPS_PROXY=${address}`, () => {
    const authorization = account === undefined ? undefined : basic(account)
    assert.deepEqual(proxyFor(target, { HTTPS_PROXY: address }), { tls, host, port, authorization })
  })
}

test('the variable in lower case comes first, ALL_PROXY last; an empty one is none', () => {
  const named = { https_proxy: 'http://one:1', HTTPS_PROXY: 'http://two:2', ALL_PROXY: 'http://three:3' }
  assert.equal(proxyFor(target, named)?.host, 'one')
  assert.equal(proxyFor(target, { ...named, https_proxy: '' })?.host, 'two')
  assert.equal(proxyFor(target, { ALL_PROXY: 'http://three:3' })?.host, 'three')
  assert.equal(proxyFor(target, { HTTPS_PROXY: '', http_proxy: 'http://four:4' }), undefined)
})

test('a proxy that is not spoken to by HTTP is refused: exit 2, without its password', () => {
  assert.throws(
    () => proxyFor(target, { ALL_PROXY: 'socks5://kit:planted-p7@proxy.example.com:1080' }),
    (thrown) =>
      thrown instanceof KitError &&
      thrown.exitCode === exitCodes.usage &&
      !`${thrown.message} ${thrown.details.join()} ${thrown.hint}`.includes('planted'),
  )
})

for (const [list, url, isDirect] of [
  ['github.com', 'https://github.com/', true],
  ['GitHub.com', 'https://github.com/', true],
  ['.github.com', 'https://objects.github.com/', true],
  ['*.github.com', 'https://objects.github.com/', true],
  ['github.com', 'https://objects.github.com/', true],
  ['github.com', 'https://notgithub.com/', false],
  ['localhost, github.com', 'https://github.com/', true],
  ['github.com:443', 'https://github.com/', true],
  ['github.com:8443', 'https://github.com/', false],
  ['*', 'https://github.com/', true],
  ['10.0.0.0/8', 'https://10.1.2.3/', true],
  ['10.0.0.0/8', 'https://192.0.2.3/', false],
  ['10.0.0.0/33', 'https://10.0.0.1/', false],
  ['2001:db8::/32', 'https://[2001:db8::5]/', true],
  ['2001:db8::5', 'https://[2001:db8::5]/', true],
  ['', 'https://github.com/', false],
] as const) {
  test(`NO_PROXY=${list}: ${url} is ${isDirect ? 'reached directly' : 'asked of the proxy'}`, () => {
    const proxy = proxyFor(new URL(url), { https_proxy: 'http://proxy:1', NO_PROXY: list })
    assert.equal(proxy === undefined, isDirect)
  })
}
