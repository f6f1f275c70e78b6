import { isIP, isIPv6 } from 'node:net'

/** A rule for the text of a setting: gives one sentence when the value is invalid, else undefined. */
export type Rule = (value: string) => string | undefined

const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
const dnsName = new RegExp(`^(?=.{1,253}$)${label}(\\.${label})+$`)

/** Names that end in a number are IPv4 addresses everywhere (WHATWG URL, 3.5): `10.0.0.300` is a mistyped one. */
const endsInNumber = (value: string): boolean => /(^|\.)\d+$/.test(value)

/** A fully qualified DNS name in lower case: labels of up to 63 characters, 253 in all. */
export const isDnsName: Rule = (value) =>
  dnsName.test(value) && !endsInNumber(value)
    ? undefined
    : 'must be a DNS name in lower case, such as staging.example.com'

/** IPv6 is refused: the kit configures K3s, firewalls and load balancers with IPv4 only. */
const notIpv6: Rule = (value) =>
  isIPv6(value.replace(/\/.*/, '').replace(/^\[(.*)\](:\d+)?$/, '$1'))
    ? `${value} is an IPv6 address: IPv6 is not supported yet, give an IPv4 address`
    : undefined

/** An IPv4 address. */
export const isAddress: Rule = (value) =>
  notIpv6(value) ?? (isIP(value) === 4 ? undefined : 'must be an IPv4 address such as 10.0.0.10')

/** An IPv4 address or a host name in lower case, also without a domain. */
export const isHostOrAddress: Rule = (value) =>
  notIpv6(value) ??
  (isIP(value) === 4 || (new RegExp(`^${label}(\\.${label})*$`).test(value) && !endsInNumber(value))
    ? undefined
    : endsInNumber(value)
      ? 'must be an IPv4 address of four numbers from 0 to 255, or a host name'
      : 'must be a host name or an IP address')

/** `host:port`, both required; the host as isHostOrAddress. */
export const isHostWithPort: Rule = (value) => {
  const [host = '', port = ''] = value.split(/:(?=\d+$)/)
  return notIpv6(value) ?? isHostOrAddress(host) ?? (port === '' ? 'must be host:port' : isPort(port))
}

/** A registry, the part of an image's name before its first slash: `host` or `host:port`; Docker Hub is docker.io. */
export const isRegistry: Rule = (value) =>
  notIpv6(value) ??
  (isHostOrAddress(value) === undefined || isHostWithPort(value) === undefined
    ? undefined
    : 'must be host or host:port, without https:// and without a path')

/** An IPv4 range in CIDR notation. */
export const isCidr: Rule = (value) => {
  const [address = '', bits = '', ...more] = value.split('/')
  const isRange = isIP(address) === 4 && /^\d{1,2}$/.test(bits) && Number(bits) <= 32 && more.length === 0
  return notIpv6(value) ?? (isRange ? undefined : 'must be a range such as 10.0.0.0/16')
}

/** An IPv4 address, or an IPv4 range in CIDR notation. */
export const isAddressOrCidr: Rule = (value) =>
  notIpv6(value) ??
  (isIP(value) === 4 || isCidr(value) === undefined
    ? undefined
    : 'must be an address or a range such as 10.0.0.0/16')

/** A Linux account's name: directories add dots, capital letters and a domain (`jean.dupont@example.com`). */
export const isUserName: Rule = (value) =>
  /^[A-Za-z_][\w.@-]{0,63}\$?$/.test(value) ? undefined : 'must be a user’s name'

/** A TCP port. */
export const isPort: Rule = (value) =>
  Number(value) >= 1 && Number(value) <= 65535 ? undefined : 'must be a port, 1 to 65535'

/** A number of 0 or more. */
export const isCount: Rule = (value) => (Number(value) >= 0 ? undefined : 'must be 0 or more')

/** A rule for numbers within bounds, both included. */
export const isBetween =
  (least: number, most: number): Rule =>
  (value) =>
    Number(value) >= least && Number(value) <= most ? undefined : `must be from ${least} to ${most}`

/** An absolute URL path without query. */
export const isPath: Rule = (value) =>
  /^\/[\w./~-]*$/.test(value) ? undefined : 'must be a path that begins with /, without query'

/** A container's command: no shell interprets it, and Kubernetes would expand `$(NAME)`. */
export const isCommand: Rule = (value) =>
  /^[^\s'"`$]+( [^\s'"`$]+)*$/.test(value)
    ? undefined
    : 'must be words separated by one space, without quotes and $: no shell reads them'

/** An absolute path in a container where a volume may be mounted: never `/`. */
export const isFolder: Rule = (value) =>
  /^(\/[\w.-]+)+$/.test(value) && !value.includes('/..') ? undefined : 'must be a folder such as /tmp'

/** An HTTPS origin (RFC 6454): scheme, host and optional port. */
export const isOrigin: Rule = (value) => {
  const [, host = ''] = /^https:\/\/([^/]+)$/.exec(value) ?? []
  const isOne = isHostOrAddress(host) === undefined || isHostWithPort(host) === undefined
  return (
    notIpv6(host) ?? (isOne ? undefined : 'must be an origin such as https://app.example.com, without a path')
  )
}

/** An HTTP or HTTPS URL without query and fragment. */
export const isUrl: Rule = (value) =>
  notIpv6(/^https?:\/\/([^/?#]+)/.exec(value)?.[1] ?? '') ??
  (/^https?:\/\/[^/?#]+(\/[^?#]*)?$/.test(value) && URL.canParse(value)
    ? undefined
    : 'must be an address such as https://s3.example.com')

/** An e-mail address; only its form is checked. */
export const isEmail: Rule = (value) =>
  /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? undefined : 'must be an e-mail address'

/** A time zone of the IANA database, as Node's ICU knows it. */
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
