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
  /** Undefined when TLS is terminated before the cluster. */
  readonly tls: Tls | undefined
}

/** Prefix of the annotations of ingress-nginx, which Traefik reads too. */
const prefix = 'nginx.ingress.kubernetes.io/'

/**
 * Annotations that limit the size of request bodies. Traefik limits only bodies that it buffers, on its node's disk.
 * @param most a size of nginx: `50m`
 */
export const limitedBody = (most: string): Readonly<Record<string, string>> => ({
  'proxy-body-size': most,
  'proxy-request-buffering': 'on',
})

/** True for an Ingress whose request bodies are buffered before they are passed on. */
export const keepsBodies = ({ kind, metadata }: Manifest | LiveObject): boolean =>
  kind === 'Ingress' && metadata?.annotations?.[`${prefix}proxy-request-buffering`] === 'on'

/**
 * The report's sentence about an Ingress that does not buffer request bodies.
 * @param limit a sentence on the application's own limit
 */
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

/** The operator's files in a Secret, each twice: as tls.crt or tls.key, and by setting key to restore a lost file. */
function certificate(namespace: string, name: string, files: Readonly<Record<string, Sensitive>>): Manifest {
  const [crt, key] = Object.values(files)
  const values = { 'tls.crt': crt, 'tls.key': key, ...files }
  return secretEnv(namespace, secretNameOf(name, { files }), values, 'kubernetes.io/tls')
}

/** An Ingress with the same effect in ingress-nginx and in Traefik's ingress-nginx provider. */
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

// Pure: what the cluster needs to terminate TLS at an Ingress; nothing behind a load balancer that terminates it.

/** How an Ingress gets its certificate. */
export type Tls =
  /** cert-manager requests it from this ClusterIssuer, and creates its Secret. */
  | { readonly issuer: string }
  /** The operator's own files: certificate and key by the keys of their settings. */
  | { readonly files: Readonly<Record<string, Sensitive>> }

/**
 * How the Ingress of one public name gets its certificate; undefined when TLS is terminated before the cluster.
 * @param prefix of TLS_CRT and TLS_KEY in the keys of its settings: `API_`
 */
export function tlsOf(settings: Settings, prefix = ''): Tls | undefined {
  if (settings['TLS_MODE'] === 'issuer') return { issuer: String(settings['TLS_ISSUER']) }
  if (settings['TLS_MODE'] !== 'files') return undefined
  const files = [`${prefix}TLS_CRT`, `${prefix}TLS_KEY`].map((key) => [key, settings[key] as Sensitive])
  return { files: Object.fromEntries(files) as Record<string, Sensitive> }
}
