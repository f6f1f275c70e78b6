import { isIP } from 'node:net'

/** Rules for the text of settings: each gives one sentence when the value cannot be right. */
export type Rule = (value: string) => string | undefined

const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
const dnsName = new RegExp(`^(?=.{1,253}$)${label}(\\.${label})+$`)

export const isDnsName: Rule = (value) =>
  dnsName.test(value) ? undefined : 'must be a DNS name in lower case, such as staging.example.com'

export const isHostOrAddress: Rule = (value) =>
  isIP(value) > 0 || new RegExp(`^${label}(\\.${label})*$`).test(value)
    ? undefined
    : 'must be a host name or an IP address'

export const isHostWithPort: Rule = (value) => {
  const [host = '', port = ''] = value.split(/:(?=\d+$)/)
  return isHostOrAddress(host) ?? (port === '' ? 'must be host:port' : isPort(port))
}

/** The part of an image's name before its first slash; Docker Hub's is docker.io. */
export const isRegistry: Rule = (value) =>
  isHostOrAddress(value) === undefined || isHostWithPort(value) === undefined
    ? undefined
    : 'must be host or host:port, without https:// and without a path'

export const isCidr: Rule = (value) => {
  const [address = '', bits = ''] = value.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return /^\d+$/.test(bits) && Number(bits) <= most ? undefined : 'must be a range such as 10.0.0.0/16'
}

export const isAddressOrCidr: Rule = (value) =>
  isIP(value) > 0 || isCidr(value) === undefined
    ? undefined
    : 'must be an address or a range such as 10.0.0.0/16'

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
    : 'must be words with one blank between, without quotes and $: no shell reads them'

/** A folder of a container that may be laid over: never its root. */
export const isFolder: Rule = (value) =>
  /^(\/[\w.-]+)+$/.test(value) && !value.includes('/..') ? undefined : 'must be a folder such as /tmp'

export const isOrigin: Rule = (value) => {
  const [, host = ''] = /^https:\/\/([^/]+)$/.exec(value) ?? []
  return isHostOrAddress(host) === undefined || isHostWithPort(host) === undefined
    ? undefined
    : 'must be an origin such as https://app.example.com, without a path'
}

export const isUrl: Rule = (value) =>
  /^https?:\/\/[^/?#]+(\/[^?#]*)?$/.test(value) && URL.canParse(value)
    ? undefined
    : 'must be an address such as https://s3.example.com'

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
