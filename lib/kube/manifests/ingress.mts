import type { Ingress, Manifest, LiveObject } from '../types.mts'
import { secretEnv } from './objects.mts'
import type { Sensitive } from '../../base/sensitive.mts'
import type { Settings } from '../../settings/settings.mts'

export interface IngressOptions {
  readonly namespace: string
  readonly name: string
  readonly host: string
  readonly ingressClass: string
  /** Path prefix, Service and port, longest prefix first. */
  readonly paths: readonly (readonly [path: string, service: string, port: number])[]
  /** nginx.ingress.kubernetes.io/ annotations without that prefix. */
  readonly annotations: Readonly<Record<string, string>>
  /** Undefined when TLS ends before the cluster. */
  readonly tls: Tls | undefined
}

/** The annotation cert-manager reads: which ClusterIssuer signs for an Ingress. */
export const issuerAnnotation = 'cert-manager.io/cluster-issuer'

/** One Ingress for one public name, and the operator's certificate when it has one. */
export const published = (options: IngressOptions): Manifest[] => {
  const { namespace, name, tls } = options
  const secret = tls !== undefined && 'files' in tls ? tls.files : undefined
  return [...(secret === undefined ? [] : [certificate(namespace, name, secret)]), httpIngress(options)]
}

/** cert-manager makes the Secret it is told the name of; ours has another, so that either may follow the other. */
const secretNameOf = (name: string, tls: Tls): string => `${name}-${'issuer' in tls ? 'tls' : 'certificate'}`

/** Under the keys of their settings the ingress does not read them: a lost file is filled again from those. */
function certificate(namespace: string, name: string, files: Readonly<Record<string, Sensitive>>): Manifest {
  const [crt, key] = Object.values(files)
  const values = { 'tls.crt': crt, 'tls.key': key, ...files }
  return secretEnv(namespace, secretNameOf(name, { files }), values, 'kubernetes.io/tls')
}

/** Read alike by ingress-nginx and by Traefik's ingress-nginx provider. */
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
      ...Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
      ),
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

/** The ClusterIssuer an Ingress names; none for everything else. */
export const issuerOf = ({ kind, metadata }: Manifest | LiveObject): string[] =>
  kind === 'Ingress' ? [metadata?.annotations?.[issuerAnnotation] ?? []].flat() : []

// Pure: what the cluster itself needs so that TLS can end at an Ingress. Behind a load balancer that ends it, nothing.

/** How an Ingress gets its certificate. */
export type Tls =
  /** cert-manager makes it, and a Secret for it. */
  | { readonly issuer: string }
  /** The operator's own files: certificate and key by the keys of their settings. */
  | { readonly files: Readonly<Record<string, Sensitive>> }

/**
 * How the Ingress of one public name gets its certificate; undefined when TLS ends before the cluster.
 * @param prefix what stands before TLS_CRT and TLS_KEY in the keys of its settings
 */
export function tlsOf(settings: Settings, prefix = ''): Tls | undefined {
  if (settings['TLS_MODE'] === 'issuer') return { issuer: String(settings['TLS_ISSUER']) }
  if (settings['TLS_MODE'] !== 'files') return undefined
  const files = [`${prefix}TLS_CRT`, `${prefix}TLS_KEY`].map((key) => [key, settings[key] as Sensitive])
  return { files: Object.fromEntries(files) as Record<string, Sensitive> }
}
