import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { exitCodes, KitError } from '../base/errors.mts'
import { isPrivateAddress, publicProblem } from '../settings/private-addresses.mts'

// Plain HTTP is allowed to private addresses only: checks that log in send a password.

/** Exit 2 for a public IP address; undefined for a private one, and for a name: `privateLookup` checks names. */
export const refusalOf = (host: string): KitError | undefined =>
  isIP(host) !== 0 && !isPrivateAddress(host) ? notPrivate(host) : undefined

const notPrivate = (address: string): KitError =>
  new KitError(`INGRESS_ADDRESSES: ${address} ${publicProblem}`, {
    exitCode: exitCodes.usage,
    hint: 'give private addresses of nodes, or leave INGRESS_ADDRESSES empty: then the public name is asked, by HTTPS',
  })

/** As dns.lookup, but fails with KitError exit 2 when a name resolves to a public address. */
export const privateLookup: LookupFunction = (name, options, done) => {
  lookup(name, options, (error, found, family) => {
    const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address)
    const outside = error === null ? addresses.find((address) => !isPrivateAddress(address)) : undefined
    done(outside === undefined ? error : notPrivate(`${name}, ${outside},`), found, family)
  })
}
