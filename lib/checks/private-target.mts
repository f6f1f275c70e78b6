import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { exitCodes, KitError } from '../base/errors.mts'
import { isPrivateAddress, publicProblem } from '../settings/private-addresses.mts'

// Where plain HTTP may go: checks that sign in send a password by it.

/** Why plain HTTP does not go to an address; undefined for a private one, and for a name: `privateLookup` sees those. */
export const refusalOf = (host: string): KitError | undefined =>
  isIP(host) !== 0 && !isPrivateAddress(host) ? notPrivate(host) : undefined

const notPrivate = (address: string): KitError =>
  new KitError(`INGRESS_ADDRESSES: ${address} ${publicProblem}`, {
    exitCode: exitCodes.usage,
    hint: 'give private addresses of nodes, or leave INGRESS_ADDRESSES empty: then the public name is asked, by HTTPS',
  })

/** As dns.lookup, for names that lead to private addresses alone. */
export const privateLookup: LookupFunction = (name, options, done) => {
  lookup(name, options, (error, found, family) => {
    const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address)
    const outside = error === null ? addresses.find((address) => !isPrivateAddress(address)) : undefined
    done(outside === undefined ? error : notPrivate(`${name}, ${outside},`), found, family)
  })
}
