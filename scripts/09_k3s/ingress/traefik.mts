import { itemsOf } from '../../../lib/settings/validators.mts'
import type { K3sSettings } from '../settings.mts'

// What Traefik is told: by its command line, and by the one route that is the kit's own.

/** Traefik's own answers for the load balancer; not served to the outside by any Ingress. */
const healthPort = 8082

/**
 * The hosts of a load balancer's health check: an IPv4 or IPv6 address, or none at all (HTTP/1.0: HAProxy's `option
 * httpchk`). No public name is one of them. `!HostRegexp` for none: a regular expression that matches an empty text would
 * match every host, because Traefik compares it with an empty name too (its CNAME flattening).
 */
const byAddress = [
  'HostRegexp(`^[0-9.]+$`)',
  'HostRegexp(`^\\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*\\]?$`)',
  '!HostRegexp(`.`)',
].join(' || ')

/** The load balancer asks a node by its address: only then the health path is Traefik's, never an application's. */
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
 * A trusted load balancer says who its visitor is, by headers or, where TLS passes through it, by the PROXY protocol:
 * Traefik reads that where it comes. Uploads and long answers: an hour, each way. Names with underscores are not let
 * through as other headers.
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

/** Traefik's command line. */
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
