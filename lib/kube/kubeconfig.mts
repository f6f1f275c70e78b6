import { createHash, X509Certificate } from 'node:crypto'
import { parse } from 'yaml'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'
import { daysUntil, isCertificate, keyProblem } from '../base/certificate.mts'
import { rememberProxyPasswords } from '../base/proxies.mts'
import { sensitive } from '../base/sensitive.mts'
import { readShape } from '../base/shape.mts'
import { document, secretsOf } from './kubeconfig-shape.mts'

/** One address of the cluster's API: a context of the kubeconfig. */
export interface Endpoint {
  readonly context: string
  /** `https://192.0.2.11:6443` */
  readonly server: string
  /** `tls-server-name`: the name its certificate is for, when it is not the one in `server`. */
  readonly tlsName?: string | undefined
  /** `proxy-url`: kubectl connects through a proxy. */
  readonly proxied?: boolean
  /** `insecure-skip-tls-verify`: kubectl accepts any certificate there. */
  readonly insecure?: boolean
}

/** The part of a kubeconfig about the cluster of its current context. */
export interface Kubeconfig {
  /** The current context first, then every other one with the same CA and the same user: the same cluster. */
  readonly endpoints: readonly [Endpoint, ...Endpoint[]]
  /** PEM texts of CA, client certificate and key; undefined where the file has none, or has a path instead. */
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
  /** The program that kubectl starts for credentials (`exec`), as written in the file. */
  readonly loginProgram?: string | undefined
  /** sha256 of the CA as written in the file (base64), or of the server's address without one. */
  readonly caHash: string
}

/**
 * Parses a kubeconfig and registers its secrets for redaction.
 * @param path of the file, for errors
 * @throws KitError exit 2 naming file and field: not YAML, another shape, a current context without a cluster, a server
 * that is no URL, a certificate or key that is not PEM, or a key of another certificate
 */
export function parseKubeconfig(path: string, content: string): Kubeconfig {
  const shown = shownPath(path)
  const hint = 'copy it from a master again'
  const damaged = (why: string) =>
    new KitError(`${shown} is not a usable kubeconfig: ${why}`, { exitCode: exitCodes.usage, hint })
  let yaml: unknown
  try {
    // Warnings of the YAML parser would go to the terminal, unredacted, with lines of the file.
    yaml = parse(content.replace(/^\uFEFF/, ''), { logLevel: 'error' }) as unknown
  } catch {
    throw damaged('it is not YAML')
  }
  const config = readShape(shown, document, yaml, { hint })
  // Credentials of every user and cluster, also of contexts that are not used: no message may show them.
  for (const { user } of config.users ?? []) for (const secret of secretsOf(user)) sensitive(secret)
  for (const { cluster } of config.clusters ?? [])
    rememberProxyPasswords({ https_proxy: cluster['proxy-url'] })
  const clusterOf = (name: string) => config.clusters?.find((one) => one.name === name)?.cluster
  const current = config.contexts?.find(({ name }) => name === config['current-context'])
  const cluster = current && clusterOf(current.context.cluster)
  if (!current || !cluster) throw damaged('its current-context does not lead to a cluster')
  const ca = cluster['certificate-authority-data']
  const others = (config.contexts ?? []).flatMap(({ name, context }) => {
    const other = clusterOf(context.cluster)
    const same = ca !== undefined && other?.['certificate-authority-data'] === ca
    if (name === current.name || !same || context.user !== current.context.user) return []
    return [endpoint(name, other)]
  })
  const endpoints: [Endpoint, ...Endpoint[]] = [endpoint(current.name, cluster), ...others]
  for (const { context, server } of endpoints) {
    if (/^https?:\/\//.test(server) && URL.canParse(server)) continue
    throw damaged(`the server of context ${context} is not an address such as https://192.0.2.11:6443`)
  }
  const user = config.users?.find(({ name }) => name === current.context.user)?.user
  const pem = (
    field: string,
    of: string,
    base64: string | undefined,
    problem: PemRule,
  ): string | undefined => {
    const decoded = base64 && Buffer.from(base64, 'base64').toString('utf8')
    const why = decoded === undefined ? undefined : problem(decoded)
    if (why !== undefined) throw damaged(`${field} of ${of} ${why}${cutOut(base64)}`)
    return decoded
  }
  const certificate = pem(
    'client-certificate-data',
    `user ${current.context.user}`,
    user?.['client-certificate-data'],
    certificateDataProblem,
  )
  const key = pem('client-key-data', `user ${current.context.user}`, user?.['client-key-data'], (decoded) =>
    keyProblem(decoded, certificate),
  )
  return {
    endpoints,
    ca: pem('certificate-authority-data', `cluster ${current.context.cluster}`, ca, certificateDataProblem),
    certificate,
    key: key && sensitive(key).reveal(),
    loginProgram: user?.exec?.command,
    caHash: createHash('sha256')
      .update(ca ?? cluster.server)
      .digest('hex'),
  }
}

const endpoint = (
  context: string,
  cluster: {
    server: string
    'tls-server-name'?: string | undefined
    'proxy-url'?: string | undefined
    'insecure-skip-tls-verify': boolean
  },
): Endpoint => ({
  context,
  server: cluster.server,
  tlsName: cluster['tls-server-name'],
  proxied: cluster['proxy-url'] !== undefined,
  insecure: cluster['insecure-skip-tls-verify'],
})

type PemRule = (decoded: string) => string | undefined

const certificateDataProblem: PemRule = (decoded) =>
  isCertificate(decoded) ? undefined : 'is not a certificate in PEM form, in base64'

/** The hint for a value that was cut out: `kubectl config view` prints such words for it, and operators write them. */
const cutOut = (base64: string | undefined): string =>
  /omitted|redacted/i.test(base64 ?? '')
    ? ': it was cut out. Copy the file itself, or what `kubectl config view --raw` prints'
    : ''

/** Whole days until the client certificate ends, negative after it; undefined without one. */
export function daysLeft({ certificate }: Pick<Kubeconfig, 'certificate'>, now: Date): number | undefined {
  if (certificate === undefined) return undefined
  return daysUntil(new Date(new X509Certificate(certificate).validTo), now)
}
