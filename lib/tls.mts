import type { Sensitive } from './sensitive.mts'
import type { Settings } from './settings.mts'

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
