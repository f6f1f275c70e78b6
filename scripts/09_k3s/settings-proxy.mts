import { rememberProxyPasswords } from '../../lib/base/proxies.mts'
import { isSensitive, type Sensitive } from '../../lib/base/sensitive.mts'
import type { Setting } from '../../lib/settings/settings.mts'

// The HTTP proxy by which hosts without access to the internet pull images.

export const proxy = [
  {
    key: 'HOSTS_PROXY',
    title: 'Proxy of the hosts',
    help: 'http://proxy.example.com:3128, with an account if it wants one: what K3s and its image pulls go through. /etc/environment and the like do not reach a service',
    kind: 'sensitive',
    optional: true,
    validate: (value) =>
      /^https?:\/\/[^\s'"\\]+$/.test(value)
        ? undefined
        : 'must begin with http:// or https:// and hold no blank, quote or backslash',
  },
  {
    key: 'HOSTS_NO_PROXY',
    title: 'What the hosts reach without their proxy',
    help: 'The range of their private network, and names or ranges of yours such as a registry of images, comma-separated. Pods, Services and names of the cluster are added',
    kind: 'text',
    optional: true,
    validate: (value) =>
      /^[\w.:/*-]+(\s*,\s*[\w.:/*-]+)*$/.test(value)
        ? undefined
        : 'must be names and ranges, separated by commas',
  },
] as const satisfies readonly Setting[]

/** The settings that concern the proxy. */
export interface ProxySettings {
  readonly HOSTS_PROXY?: Sensitive | undefined
  readonly HOSTS_NO_PROXY?: string | undefined
  readonly CLUSTER_CIDR: string
  readonly SERVICE_CIDR: string
}

/** One sentence when a proxy is set and the hosts would connect to each other through it; else undefined. */
export const proxyProblem = ({
  HOSTS_PROXY,
  HOSTS_NO_PROXY = '',
}: Partial<ProxySettings>): string | undefined =>
  isSensitive(HOSTS_PROXY) && HOSTS_NO_PROXY.trim() === ''
    ? 'HOSTS_PROXY is set and HOSTS_NO_PROXY is not: hosts would reach each other through the proxy. Name the range of their private network'
    : undefined

/**
 * The text of paths.proxy, the environment file of K3s' service. It may contain a password, which is registered for
 * redaction.
 * @returns undefined when the hosts have no proxy
 */
export function proxyEnvironment(settings: ProxySettings): string | undefined {
  const { HOSTS_PROXY, HOSTS_NO_PROXY = '', CLUSTER_CIDR, SERVICE_CIDR } = settings
  if (HOSTS_PROXY === undefined) return undefined
  const url = HOSTS_PROXY.reveal()
  // Other programs may print the password without the rest of the URL.
  rememberProxyPasswords({ https_proxy: url })
  const own = HOSTS_NO_PROXY.split(',').map((one) => one.trim())
  const without = ['localhost', '127.0.0.0/8', CLUSTER_CIDR, SERVICE_CIDR, '.svc', '.cluster.local', ...own]
  return [`HTTP_PROXY="${url}"`, `HTTPS_PROXY="${url}"`, `NO_PROXY="${without.join(',')}"`, ''].join('\n')
}
