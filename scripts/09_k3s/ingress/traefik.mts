import { itemsOf } from '../../../lib/settings/validators.mts'
import type { K3sSettings } from '../settings.mts'

// The configuration of Traefik: its command line, and the one route of the kit. Pure.

/** Port of Traefik's ping service, the answer to health checks. On loopback only, and no Ingress leads there. */
const healthPort = 8082

/**
 * The Host of a load balancer's health check: an IPv4 or IPv6 address, or none (HTTP/1.0: HAProxy's `option httpchk`);
 * never a public name. `!HostRegexp` matches none: a regular expression that matches the empty string would match every
 * host, because Traefik also compares it with an empty name (its CNAME flattening).
 */
const byAddress = [
  'HostRegexp(`^[0-9.]+$`)',
  'HostRegexp(`^\\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*\\]?$`)',
  '!HostRegexp(`.`)',
].join(' || ')

/** The route of the health check. Only a request by the node's address gets Traefik's answer, not an application's. */
export const health = (settings: K3sSettings) => ({
  http: {
    routers: {
      health: {
        entryPoints: ['web', 'websecure'],
        rule: `Path(\`${settings.INGRESS_HEALTH_PATH}\`) && (${byAddress})`,
        priority: 1_000_000,
        service: 'ping@internal',
      },
    },
  },
})

/**
 * An entry point. A trusted load balancer reports the client's address by headers or, where it passes TLS through, by
 * the PROXY protocol, which Traefik reads when it is sent. Uploads and long responses may take an hour each. Headers
 * whose names contain underscores are deleted, so that an application does not read them as other headers.
 */
const entrypoint = (name: string, port: number, trusted: readonly string[]): string[] => [
  `--entrypoints.${name}.address=:${port}`,
  ...(trusted.length === 0
    ? []
    : ['forwardedheaders', 'proxyprotocol'].map(
        (by) => `--entrypoints.${name}.${by}.trustedips=${trusted.join(',')}`,
      )),
  `--entrypoints.${name}.http.aliasheadersstrategy=delete`,
  `--entrypoints.${name}.transport.respondingtimeouts.readtimeout=1h`,
  `--entrypoints.${name}.transport.respondingtimeouts.writetimeout=1h`,
]

/** The arguments of Traefik. */
export function argumentsOf(settings: K3sSettings): string[] {
  const trusted = itemsOf(settings.TRUSTED_PROXIES)
  return [
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
    '--log.level=INFO',
    '--log.nocolor=true',
    '--ping=true',
    '--ping.manualrouting=true',
    `--entrypoints.ping.address=127.0.0.1:${healthPort}`,
    ...entrypoint('web', 80, trusted),
    ...entrypoint('websecure', 443, trusted),
    '--providers.file.directory=/etc/traefik/routes',
    '--providers.kubernetesingressnginx=true',
    `--providers.kubernetesingressnginx.ingressclass=${settings.INGRESS_CLASS}`,
    '--providers.kubernetesingressnginx.controllerclass=k8s.io/ingress-nginx',
  ]
}
