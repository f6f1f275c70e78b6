import { exitCodes, hasCode, KitError } from '../base/errors.mts'

interface Where {
  readonly host?: string | null | undefined
  readonly port?: number | string | null | undefined
  /** The public name in the request. */
  readonly servername: string
}

/**
 * The KitError for a request without a response: exit 7 for a certificate, exit 6 for DNS, the connection or a time
 * limit. Each cause has its own hint. A KitError is returned unchanged.
 */
export function explained(cause: Error, { host, port, servername }: Where): KitError {
  if (cause instanceof KitError) return cause
  const where = `${servername} at ${host}:${port}`
  if (hasCode(cause, 'ECONNREFUSED'))
    return unreachable(`${where}: connection refused`, 'nothing listens there', cause)
  if (hasCode(cause, 'ENOTFOUND', 'EAI_AGAIN')) {
    return unreachable(
      `${where}: the name is not known to DNS`,
      'create the DNS record, or set INGRESS_ADDRESSES',
      cause,
    )
  }
  if (cause.message === 'timeout' || hasCode(cause, 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH')) {
    return unreachable(
      `${where}: no answer`,
      'look at the firewall on the way, then at the ingress pod',
      cause,
    )
  }
  if (hasCode(cause, 'EPROTO')) {
    return unreachable(
      `${where}: it does not speak TLS`,
      'compare TLS_MODE with where TLS really ends',
      cause,
    )
  }
  if (/certificate|CERT|SSL|TLS/.test(`${cause.message} ${'code' in cause ? String(cause.code) : ''}`)) {
    return new KitError(`${where}: its certificate is not accepted: ${cause.message}`, {
      exitCode: exitCodes.trust,
      hint: 'check the certificate of that name where TLS ends',
      cause,
    })
  }
  return unreachable(
    `${where}: ${cause.message}`,
    'the connection broke: ask again, then look at the ingress pod',
    cause,
  )
}

const unreachable = (what: string, hint: string, cause: Error): KitError =>
  new KitError(what, { exitCode: exitCodes.unreachable, hint, cause })
