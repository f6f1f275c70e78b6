import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** True for a host that is this machine: what is sent there meets no network. @param host name or address, as URLs have it */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  if (isIP(address) === 0) return address === 'localhost'
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
