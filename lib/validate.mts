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

export const isPort: Rule = (value) =>
  Number(value) >= 1 && Number(value) <= 65535 ? undefined : 'must be a port, 1 to 65535'

export const isCount: Rule = (value) => (Number(value) >= 0 ? undefined : 'must be 0 or more')

/** A rule for whole numbers within bounds, both included. */
export const isBetween =
  (least: number, most: number): Rule =>
  (value) =>
    Number(value) >= least && Number(value) <= most ? undefined : `must be from ${least} to ${most}`

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
