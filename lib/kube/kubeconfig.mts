import { createHash, X509Certificate } from 'node:crypto'
import { parse } from 'yaml'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import { daysUntil } from '../base/certificate.mts'

/** One way to the cluster's API: a context of the kubeconfig. */
export interface Endpoint {
  readonly context: string
  /** `https://192.0.2.11:6443` */
  readonly server: string
}

/** What a kubeconfig says of the cluster its current context leads to. */
export interface Kubeconfig {
  /** The current context first, then every other one with the same CA and the same user: the same cluster. */
  readonly endpoints: readonly [Endpoint, ...Endpoint[]]
  /** PEM texts; undefined where the file names none, or names files. */
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
  /** sha256 of the CA as the file writes it, or of the server's address without one. */
  readonly caHash: string
}

interface Document {
  'current-context'?: string
  clusters?: { name: string; cluster: { server: string; 'certificate-authority-data'?: string } }[]
  contexts?: { name: string; context: { cluster: string; user: string } }[]
  users?: { name: string; user: { 'client-certificate-data'?: string; 'client-key-data'?: string } }[]
}

/** @throws KitError exit 2 when it is not YAML, or its current context leads nowhere */
export function parseKubeconfig(path: string, text: string): Kubeconfig {
  const damaged = (why: string) =>
    new KitError(`${shownPath(path)} is not a usable kubeconfig: ${why}`, {
      exitCode: exitCodes.usage,
      hint: 'copy it from a master again',
    })
  let config: Document | null
  try {
    config = parse(text) as Document | null
  } catch {
    throw damaged('it is not YAML')
  }
  const clusterOf = (name: string) => config?.clusters?.find((one) => one.name === name)?.cluster
  const current = config?.contexts?.find(({ name }) => name === config?.['current-context'])
  const cluster = current && clusterOf(current.context.cluster)
  if (!current || !cluster) throw damaged('its current-context does not lead to a cluster')
  const ca = cluster['certificate-authority-data']
  const others = (config?.contexts ?? []).flatMap(({ name, context }) => {
    const other = clusterOf(context.cluster)
    const same = ca !== undefined && other?.['certificate-authority-data'] === ca
    if (name === current.name || !same || context.user !== current.context.user) return []
    return [{ context: name, server: other.server }]
  })
  const user = config?.users?.find(({ name }) => name === current.context.user)?.user
  return {
    endpoints: [{ context: current.name, server: cluster.server }, ...others],
    ca: decoded(ca),
    certificate: decoded(user?.['client-certificate-data']),
    key: decoded(user?.['client-key-data']),
    caHash: createHash('sha256')
      .update(ca ?? cluster.server)
      .digest('hex'),
  }
}

const decoded = (data: string | undefined): string | undefined =>
  data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8')

/** Whole days until the client certificate ends, negative afterwards; undefined without one. */
export function daysLeft({ certificate }: Pick<Kubeconfig, 'certificate'>, now: Date): number | undefined {
  if (certificate === undefined) return undefined
  return daysUntil(new Date(new X509Certificate(certificate).validTo), now)
}
