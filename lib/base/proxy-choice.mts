import { BlockList, isIP } from 'node:net'
import { exitCodes, KitError } from './errors.mts'

// The proxy of this machine for an https address, by the variables that curl, kubectl and npm read too.

/** A proxy that opens connections by CONNECT. */
export interface Proxy {
  /** True when the connection to the proxy itself uses TLS. */
  readonly tls: boolean
  readonly host: string
  readonly port: number
  /** The value of Proxy-Authorization; undefined when no user is configured. */
  readonly authorization: string | undefined
}

/** `scheme://user:password@host:port/`. A password may contain `@` and `/`: it ends at the last `@`. */
const form = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:(.*)@)?(\[[^\]]+\]|[^:@/\s]+)(?::(\d+))?\/?$/i

/**
 * The proxy for an https address: HTTPS_PROXY, else ALL_PROXY, in lower or upper case, unless NO_PROXY names the host.
 * @returns undefined for a direct connection
 * @throws KitError exit 2 when the variable is not the address of an HTTP proxy, for example of a SOCKS proxy
 */
export function proxyFor(target: URL, environment: NodeJS.ProcessEnv = process.env): Proxy | undefined {
  const value = (name: string): string | undefined =>
    [environment[name], environment[name.toUpperCase()]].find((one) => one !== undefined && one !== '')
  const address = value('https_proxy') ?? value('all_proxy')
  if (address === undefined || isExempt(target, value('no_proxy') ?? '')) return undefined
  const [, scheme = 'http', account, host = '', port] = form.exec(address.trim()) ?? []
  const tls = scheme.toLowerCase() === 'https'
  if (host === '' || (!tls && scheme.toLowerCase() !== 'http'))
    throw new KitError('HTTPS_PROXY of this machine names no HTTP proxy', {
      exitCode: exitCodes.usage,
      details: ['Nothing was fetched.'],
      hint: 'export HTTPS_PROXY=http://proxy.example.com:3128   with the address of yours; or unset HTTPS_PROXY https_proxy ALL_PROXY all_proxy',
    })
  return {
    tls,
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port ?? (tls ? 443 : 80)),
    authorization: account === undefined ? undefined : basic(account),
  }
}

function basic(account: string): string {
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(account) ?? []
  return `Basic ${Buffer.from(`${decoded(user)}:${decoded(password)}`).toString('base64')}`
}

/** A text that is not valid percent-encoding is taken literally. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** True for a host that NO_PROXY names: by its name, its domain, a range of addresses, or `*`. */
function isExempt({ hostname, port }: URL, list: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => {
      // A single colon separates a port; an IPv6 address has more of them.
      const [name = '', only] = entry.split(':').length === 2 ? entry.split(':') : [entry]
      if (only !== undefined && only !== (port || '443')) return false
      const plain = name.replace(/^\[(.*)\]$/, '$1').replace(/^\*?\./, '')
      return entry === '*' || host === plain || host.endsWith(`.${plain}`) || isInRange(host, plain)
    })
}

function isInRange(host: string, range: string): boolean {
  const [address = '', bits = ''] = range.split('/')
  const family = isIP(address) === isIP(host) && isIP(host) !== 0 ? isIP(host) : undefined
  if (family === undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false
  const ranges = new BlockList()
  const name = family === 4 ? 'ipv4' : 'ipv6'
  ranges.addSubnet(address, Number(bits), name)
  return ranges.check(host, name)
}
