import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rememberProxyPasswords } from '../../../lib/base/proxies.mts'
import { redact } from '../../../lib/base/sensitive.mts'

for (const [what, address, ...passwords] of [
  ['plain', 'http://kit:planted-p1@proxy.example.com:3128', 'planted-p1'],
  ['with @ and /', 'http://kit:planted@p/2@proxy.example.com:3128', 'planted@p/2'],
  ['percent-encoded', 'http://kit:planted%40p%2F3@proxy.example.com:3128', 'planted%40p%2F3', 'planted@p/3'],
  ['without http://', 'kit:planted-p4@proxy.example.com:3128', 'planted-p4'],
  ['with a percent sign of its own', 'http://kit:planted%zz5@proxy.example.com', 'planted%zz5'],
] as const) {
  test(`a proxy's password, ${what}, is in no text`, () => {
    rememberProxyPasswords({ HTTPS_PROXY: address, no_proxy: 'example.com' })
    const seen = redact(`parse "${address}": invalid; ${passwords.join(' ')}`)
    for (const password of passwords) assert.ok(!seen.includes(password), seen)
    assert.match(seen, /proxy\.example\.com/)
  })
}
