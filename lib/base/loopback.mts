import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/**
 * True for a loopback host: what is sent there does not leave this machine.
 * @param host name or address as in a URL, IPv6 with or without brackets; of names only `localhost`
 */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  if (isIP(address) === 0) return address === 'localhost'
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
