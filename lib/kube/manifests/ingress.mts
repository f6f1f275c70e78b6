import type { Ingress, Manifest, LiveObject } from '../types.mts'
import { secretEnv } from './objects.mts'
import type { Sensitive } from '../../base/sensitive.mts'
import type { Settings } from '../../settings/settings.mts'

/** What an Ingress is built from. */
export interface IngressOptions {
  readonly namespace: string
  readonly name: string
  /** The public DNS name. */
  readonly host: string
  readonly ingressClass: string
  /** Path prefix, Service and port, longest prefix first. */
  readonly paths: readonly (readonly [path: string, service: string, port: number])[]
  /** nginx.ingress.kubernetes.io/ annotations without that prefix. */
  readonly annotations: Readonly<Record<string, string>>
  /** Undefined when TLS ends before the cluster. */
  readonly tls: Tls | undefined
}

/** Annotations of an Ingress are of ingress-nginx, which Traefik reads too. */
const prefix = 'nginx.ingress.kubernetes.io/'

/**
 * Annotations that limit the body of a request. Traefik limits only what it keeps until it is whole, on its node's disk.
 * @param most as nginx writes it: `50m`
 */
export const limitedBody = (most: string): Readonly<Record<string, string>> => ({
  'proxy-body-size': most,
  'proxy-request-buffering': 'on',
})

/** True for an Ingress whose requests are kept until they are whole. */
export const keepsBodies = ({ kind, metadata }: Manifest | LiveObject): boolean =>
  kind === 'Ingress' && metadata?.annotations?.[`${prefix}proxy-request-buffering`] === 'on'

/** Of an Ingress that passes requests on as they come, for the report. @param limit what the application itself reads */
export const bodiesNotLimited = (limit: string): string =>
  `The size of a request: Traefik passes it on as it comes, and limits nothing that it does not keep first (ingress-nginx does). ${limit}`

/** The annotation of cert-manager that names the ClusterIssuer of an Ingress. */
export const issuerAnnotation = 'cert-manager.io/cluster-issuer'

/** The Ingress of one public name, and before it the Secret with the operator's certificate, if there is one. */
export const published = (options: IngressOptions): Manifest[] => {
  const { namespace, name, tls } = options
  const secret = tls !== undefined && 'files' in tls ? tls.files : undefined
  return [...(secret === undefined ? [] : [certificate(namespace, name, secret)]), httpIngress(options)]
}

/** cert-manager creates a Secret of the given name; the kit's own has another name, so that TLS_MODE can change. */
const secretNameOf = (name: string, tls: Tls): string => `${name}-${'issuer' in tls ? 'tls' : 'certificate'}`

/** Has each file twice: as tls.crt or tls.key, and under its setting key, from which a lost file is filled again. */
function certificate(namespace: string, name: string, files: Readonly<Record<string, Sensitive>>): Manifest {
  const [crt, key] = Object.values(files)
  const values = { 'tls.crt': crt, 'tls.key': key, ...files }
  return secretEnv(namespace, secretNameOf(name, { files }), values, 'kubernetes.io/tls')
}

/** Has the same effect with ingress-nginx and with Traefik's ingress-nginx provider. */
const httpIngress = ({
  namespace,
  name,
  host,
  ingressClass,
  paths,
  annotations,
  tls,
}: IngressOptions): Ingress => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: {
    namespace,
    name,
    annotations: {
      ...Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`${prefix}${key}`, value])),
      ...(tls !== undefined && 'issuer' in tls ? { [issuerAnnotation]: tls.issuer } : {}),
    },
  },
  spec: {
    ingressClassName: ingressClass,
    ...(tls === undefined ? {} : { tls: [{ hosts: [host], secretName: secretNameOf(name, tls) }] }),
    rules: [
      {
        host,
        http: {
          paths: paths.map(([path, service, port]) => ({
            path,
            pathType: 'Prefix',
            backend: { service: { name: service, port: { number: port } } },
          })),
        },
      },
    ],
  },
})

/** The ClusterIssuer an Ingress names, as a list of none or one; empty for other kinds. */
export const issuerOf = ({ kind, metadata }: Manifest | LiveObject): string[] =>
  kind === 'Ingress' ? [metadata?.annotations?.[issuerAnnotation] ?? []].flat() : []

// Pure: what the cluster itself needs so that TLS can end at an Ingress. Behind a load balancer that ends it, nothing.

/** How an Ingress gets its certificate. */
export type Tls =
  /** cert-manager requests it from this ClusterIssuer, and creates its Secret. */
  | { readonly issuer: string }
  /** The operator's own files: certificate and key by the keys of their settings. */
  | { readonly files: Readonly<Record<string, Sensitive>> }

/**
 * How the Ingress of one public name gets its certificate; undefined when TLS ends before the cluster.
 * @param prefix of TLS_CRT and TLS_KEY in the keys of its settings: `API_`
 */
export function tlsOf(settings: Settings, prefix = ''): Tls | undefined {
  if (settings['TLS_MODE'] === 'issuer') return { issuer: String(settings['TLS_ISSUER']) }
  if (settings['TLS_MODE'] !== 'files') return undefined
  const files = [`${prefix}TLS_CRT`, `${prefix}TLS_KEY`].map((key) => [key, settings[key] as Sensitive])
  return { files: Object.fromEntries(files) as Record<string, Sensitive> }
}
