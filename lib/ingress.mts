import type { Ingress } from './k8s.mts'

export interface IngressOptions {
  readonly namespace: string
  readonly name: string
  readonly host: string
  readonly ingressClass: string
  /** Path prefix, Service and port, longest prefix first. */
  readonly paths: readonly (readonly [path: string, service: string, port: number])[]
  /** nginx.ingress.kubernetes.io/ annotations without that prefix. */
  readonly annotations: Readonly<Record<string, string>>
  /** cert-manager ClusterIssuer; undefined when TLS ends before the cluster. */
  readonly issuer: string | undefined
}

/** One Ingress for one public name, read alike by ingress-nginx and by Traefik's ingress-nginx provider. */
export const httpIngress = ({
  namespace,
  name,
  host,
  ingressClass,
  paths,
  annotations,
  issuer,
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
      ...(issuer === undefined ? {} : { 'cert-manager.io/cluster-issuer': issuer }),
    },
  },
  spec: {
    ingressClassName: ingressClass,
    ...(issuer === undefined ? {} : { tls: [{ hosts: [host], secretName: `${name}-tls` }] }),
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
