import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ingress } from '../../../lib/settings/platform.mts'
import { isPrivateAddress } from '../../../lib/settings/private-addresses.mts'
import { viewOf, problemWith, type Setting } from '../../../lib/settings/settings.mts'

for (const [address, is] of [
  ['10.77.0.21', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.1', true],
  ['100.64.0.1', true],
  ['100.128.0.1', false],
  ['127.0.0.1', true],
  ['::1', true],
  ['2001:db8::1', false],
  ['169.254.169.254', false],
  ['203.0.113.9', false],
  ['node-1', false],
] as const)
  test(`${address} is ${is ? 'a' : 'no'} private address`, () => assert.equal(isPrivateAddress(address), is))

const setting = ingress.find(({ key }) => key === 'INGRESS_ADDRESSES') as Setting
const mode = ingress.find(({ key }) => key === 'TLS_MODE') as Setting
const problem = (text: string, tls: string) =>
  problemWith(setting, text, viewOf('dev', [{ setting: mode, text: tls, origin: 'saved' }]))

test('while TLS ends at the load balancer, INGRESS_ADDRESSES are private ones; a name is looked up when it is asked', () => {
  assert.match(
    problem('10.0.0.4:80, 203.0.113.9:80', 'load-balancer') ?? '',
    /^203\.0\.113\.9:80: is not in a private range/,
  )
  assert.equal(problem('10.0.0.4:80, node-1:80', 'load-balancer'), undefined)
  assert.equal(problem('203.0.113.9:443', 'issuer'), undefined)
  assert.match(problem('10.0.0.4', 'load-balancer') ?? '', /must be host:port/)
})
