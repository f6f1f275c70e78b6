import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isAddress,
  isAddressOrCidr,
  isCidr,
  isDnsName,
  isHostOrAddress,
  isHostWithPort,
  isOrigin,
  isRegistry,
  isUrl,
  type Rule,
} from '../../../lib/settings/validators.mts'

const ipv6: [Rule, string][] = [
  [isCidr, 'fd00::/56'],
  [isAddressOrCidr, 'fd00::/56'],
  [isAddressOrCidr, '2001:db8::1'],
  [isHostOrAddress, '2001:db8::1'],
  [isAddress, '2001:db8::1'],
  [isHostOrAddress, '[2001:db8::1]'],
  [isHostWithPort, '[2001:db8::1]:443'],
  [isHostWithPort, '2001:db8::1'],
  [isRegistry, '[2001:db8::1]:5000'],
  [isOrigin, 'https://[2001:db8::1]:8443'],
  [isUrl, 'https://[2001:db8::1]:9000/path'],
]
for (const [rule, value] of ipv6) {
  test(`${value} is refused by name: IPv6 is not supported yet`, () => {
    assert.match(rule(value) ?? '', /IPv6 is not supported yet/)
  })
}

test('IPv4 addresses, ranges and names pass', () => {
  assert.equal(isCidr('10.42.0.0/16'), undefined)
  assert.equal(isAddressOrCidr('192.0.2.7'), undefined)
  assert.equal(isHostOrAddress('db.example.com'), undefined)
  assert.equal(isHostWithPort('192.0.2.7:443'), undefined)
  assert.equal(isAddress('10.43.0.10'), undefined)
  assert.equal(isUrl('https://s3.example.com:9000/path'), undefined)
  assert.equal(isOrigin('https://app.example.com:8443'), undefined)
  assert.equal(isRegistry('registry.example.com:5000'), undefined)
})

test('a mistyped IPv4 address is no host name: it would be found out by DNS alone', () => {
  for (const value of ['10.0.0.300', '10.0.0', '10.0.0.1.2', '10'])
    for (const [rule, text] of [
      [isHostOrAddress, value],
      [isHostWithPort, `${value}:5432`],
      [isDnsName, value],
    ] as const)
      assert.ok(rule(text) !== undefined, text)
  assert.match(isHostOrAddress('10.0.0.300') ?? '', /four numbers from 0 to 255/)
  assert.ok(isDnsName('10.0.0.10') !== undefined, 'an address is no DNS name')
  for (const name of ['k8s-master-01', 'db2', '1.example.com', '10.0.0.300.example.com'])
    assert.equal(isHostOrAddress(name), undefined, name)
})

test('what is no range is refused', () => {
  for (const value of ['10.42.0.0', '10.42.0.0/33', '10.42.0.0/16/8', '10.42.0.0/', '300.0.0.0/8'])
    assert.match(isCidr(value) ?? '', /must be a range/, value)
})
