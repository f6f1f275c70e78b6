import { isIP, isIPv6 } from 'node:net'

/** Rules for the text of settings: each gives one sentence when the value is invalid. */
export type Rule = (value: string) => string | undefined

const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
const dnsName = new RegExp(`^(?=.{1,253}$)${label}(\\.${label})+$`)

export const isDnsName: Rule = (value) =>
  dnsName.test(value) ? undefined : 'must be a DNS name in lower case, such as staging.example.com'

/** Nothing the kit configures is reached by IPv6: K3s, firewalls and load balancers get IPv4 alone. */
const notIpv6: Rule = (value) =>
  isIPv6(value.replace(/\/.*/, '').replace(/^\[(.*)\](:\d+)?$/, '$1'))
    ? `${value} is an IPv6 address: IPv6 is not supported yet, give an IPv4 address`
    : undefined

export const isAddress: Rule = (value) =>
  notIpv6(value) ?? (isIP(value) === 4 ? undefined : 'must be an IPv4 address such as 10.0.0.10')

export const isHostOrAddress: Rule = (value) =>
  notIpv6(value) ??
  (isIP(value) === 4 || new RegExp(`^${label}(\\.${label})*$`).test(value)
    ? undefined
    : 'must be a host name or an IP address')

export const isHostWithPort: Rule = (value) => {
  const [host = '', port = ''] = value.split(/:(?=\d+$)/)
  return notIpv6(value) ?? isHostOrAddress(host) ?? (port === '' ? 'must be host:port' : isPort(port))
}

/** The part of an image's name before its first slash; Docker Hub's is docker.io. */
export const isRegistry: Rule = (value) =>
  notIpv6(value) ??
  (isHostOrAddress(value) === undefined || isHostWithPort(value) === undefined
    ? undefined
    : 'must be host or host:port, without https:// and without a path')

export const isCidr: Rule = (value) => {
  const [address = '', bits = '', ...more] = value.split('/')
  const isRange = isIP(address) === 4 && /^\d{1,2}$/.test(bits) && Number(bits) <= 32 && more.length === 0
  return notIpv6(value) ?? (isRange ? undefined : 'must be a range such as 10.0.0.0/16')
}

export const isAddressOrCidr: Rule = (value) =>
  notIpv6(value) ??
  (isIP(value) === 4 || isCidr(value) === undefined
    ? undefined
    : 'must be an address or a range such as 10.0.0.0/16')

export const isPort: Rule = (value) =>
  Number(value) >= 1 && Number(value) <= 65535 ? undefined : 'must be a port, 1 to 65535'

export const isCount: Rule = (value) => (Number(value) >= 0 ? undefined : 'must be 0 or more')

/** A rule for whole numbers within bounds, both included. */
export const isBetween =
  (least: number, most: number): Rule =>
  (value) =>
    Number(value) >= least && Number(value) <= most ? undefined : `must be from ${least} to ${most}`

export const isPath: Rule = (value) =>
  /^\/[\w./~-]*$/.test(value) ? undefined : 'must be a path that begins with /, without query'

/** Words as a container gets them: no shell reads them, and Kubernetes would read `$(NAME)`. */
export const isCommand: Rule = (value) =>
  /^[^\s'"`$]+( [^\s'"`$]+)*$/.test(value)
    ? undefined
    : 'must be words separated by one space, without quotes and $: no shell reads them'

/** A folder of a container that may be laid over: never its root. */
export const isFolder: Rule = (value) =>
  /^(\/[\w.-]+)+$/.test(value) && !value.includes('/..') ? undefined : 'must be a folder such as /tmp'

export const isOrigin: Rule = (value) => {
  const [, host = ''] = /^https:\/\/([^/]+)$/.exec(value) ?? []
  const isOne = isHostOrAddress(host) === undefined || isHostWithPort(host) === undefined
  return (
    notIpv6(host) ?? (isOne ? undefined : 'must be an origin such as https://app.example.com, without a path')
  )
}

export const isUrl: Rule = (value) =>
  notIpv6(/^https?:\/\/([^/?#]+)/.exec(value)?.[1] ?? '') ??
  (/^https?:\/\/[^/?#]+(\/[^?#]*)?$/.test(value) && URL.canParse(value)
    ? undefined
    : 'must be an address such as https://s3.example.com')

export const isEmail: Rule = (value) =>
  /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? undefined : 'must be an e-mail address'

export const isTimezone: Rule = (value) => {
  try {
    Intl.DateTimeFormat('en', { timeZone: value })
    return undefined
  } catch {
    return 'must be a time zone such as Europe/Paris'
  }
}

/** A rule for a comma-separated list, every item of which must satisfy `rule`. */
export const listOf =
  (rule: Rule): Rule =>
  (value) => {
    for (const item of itemsOf(value)) {
      const problem = rule(item)
      if (problem !== undefined) return `${item}: ${problem}`
    }
    return undefined
  }

/** The items of a comma-separated setting; none for an empty or absent one. */
export const itemsOf = (value: string | undefined): string[] =>
  (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
