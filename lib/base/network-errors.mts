import { hasCode } from './errors.mts'

/**
 * Why a connection failed. `untrusted`: the server's certificate is not accepted. `noTls`: what listens there does not
 * speak TLS. `tlsRefused`: it speaks TLS, and ends the handshake with an alert. `broken`: anything else, such as a
 * connection that was reset.
 */
export type NetworkFailure =
  'unknownName' | 'refused' | 'silent' | 'untrusted' | 'noTls' | 'tlsRefused' | 'broken'

/** Error codes of OpenSSL and Node for a certificate that is not trusted. UNSPECIFIED: its key or digest is too weak. */
const untrustedCodes =
  /^(ERR_TLS_CERT_|CERT_|CRL_|ERROR_IN_C(ERT|RL)_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_|INVALID_(CA|PURPOSE)|PATH_LENGTH_|HOSTNAME_MISMATCH|UNSPECIFIED$)/

/** The code of a Node error; empty without one. */
export const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''

/** True for an error of TLS about a certificate that is not trusted or is for another name. */
export const isUntrusted = (thrown: unknown): boolean => untrustedCodes.test(codeOf(thrown))

/**
 * Why a connection failed, by the code of Node's error. Not by its message: that of a connection which was reset during
 * the handshake speaks of TLS too.
 */
export function networkFailureOf(thrown: unknown): NetworkFailure {
  if (hasCode(thrown, 'ENOTFOUND', 'EAI_AGAIN')) return 'unknownName'
  if (hasCode(thrown, 'ECONNREFUSED')) return 'refused'
  if (hasCode(thrown, 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH')) return 'silent'
  if (isUntrusted(thrown)) return 'untrusted'
  // EPROTO in some versions of Node, a code of its own for each error of OpenSSL in others.
  if (!/^(EPROTO$|ERR_SSL_)/.test(codeOf(thrown))) return 'broken'
  return /alert/i.test(`${codeOf(thrown)} ${thrown instanceof Error ? thrown.message : ''}`)
    ? 'tlsRefused'
    : 'noTls'
}
