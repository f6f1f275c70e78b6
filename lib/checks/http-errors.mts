import { exitCodes, KitError } from '../base/errors.mts'
import { networkFailureOf } from '../base/network-errors.mts'
import { shortened } from '../base/sensitive.mts'

interface Where {
  readonly host?: string | null | undefined
  readonly port?: number | string | null | undefined
  /** The public name in the request. */
  readonly servername: string
}

/**
 * The KitError for a request without a response: exit 7 for a certificate, exit 6 for DNS, the connection, TLS or a
 * time limit. Each cause has its own hint. A KitError is returned unchanged.
 * @param cause Node's error; one with the message `timeout` for a time limit
 */
export function explained(cause: Error, { host, port, servername }: Where): KitError {
  if (cause instanceof KitError) return cause
  const where = `${servername} at ${host}:${port}`
  const message = shortened(cause.message, 200)
  switch (cause.message === 'timeout' ? 'silent' : networkFailureOf(cause)) {
    case 'refused':
      return unreachable(`${where}: connection refused`, 'nothing listens there', cause)
    case 'unknownName':
      return unreachable(
        `${where}: the name is not known to DNS`,
        'create the DNS record, or set INGRESS_ADDRESSES',
        cause,
      )
    case 'silent':
      return unreachable(
        `${where}: no answer`,
        'look at the firewall on the way, then at the ingress pod',
        cause,
      )
    case 'noTls':
      return unreachable(
        `${where}: it does not speak TLS`,
        'compare TLS_MODE with where TLS really ends',
        cause,
      )
    case 'tlsRefused':
      return unreachable(
        `${where}: it ends the TLS handshake: ${message}`,
        'look at the certificate and the TLS versions of that name where TLS ends',
        cause,
      )
    case 'untrusted':
      return new KitError(`${where}: its certificate is not accepted: ${message}`, {
        exitCode: exitCodes.trust,
        hint: 'check the certificate of that name where TLS ends',
        cause,
      })
    case 'broken':
      return unreachable(
        `${where}: ${message}`,
        'the connection broke: ask again, then look at the ingress pod',
        cause,
      )
  }
}

const unreachable = (what: string, hint: string, cause: Error): KitError =>
  new KitError(what, { exitCode: exitCodes.unreachable, hint, cause })
