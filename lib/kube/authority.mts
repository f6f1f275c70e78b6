import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { exitCodes, KitError } from '../base/errors.mts'
import { record } from '../base/log.mts'
import { shortened } from '../base/sensitive.mts'
import type { Endpoint, Kubeconfig } from './kubeconfig.mts'

// With the kubeconfig of another cluster kubectl reports "x509" or, when the server first closes the connection because
// of the client's certificate, "broken pipe". Either may happen, so the certificates themselves are compared.

/** Milliseconds for one handshake. */
const timeoutMilliseconds = 3000

/** OpenSSL's error codes for a chain that no known CA has signed. */
const unknownAuthority = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
]

/** Exit 7: another CA than the kubeconfig's signed the API server's certificate. Module 9 fetches the masters' own. */
export class ForeignAuthority extends KitError {
  constructor(server: string, trusted: string, met: string) {
    super(`the kubeconfig is of another cluster than the API server at ${server}`, {
      exitCode: exitCodes.trust,
      details: [`CA of the kubeconfig: ${trusted}`, `met there: ${met}`, 'No credential was sent to it.'],
      hint: 'put the kubeconfig of this cluster there: copy it from a master, or let an install of module 9 fetch it; when the address is wrong, correct it',
    })
  }
}

/**
 * Compares the certificate of an API server with the CA of a kubeconfig, by a handshake without credentials.
 * @returns the error when another CA has signed it; undefined when it is trusted or cannot be read, and without a CA
 */
export function foreignAuthority(
  { server, tlsName }: Endpoint,
  { ca }: Pick<Kubeconfig, 'ca'>,
): Promise<ForeignAuthority | undefined> {
  const url = new URL(server)
  if (ca === undefined || url.protocol !== 'https:') return Promise.resolve(undefined)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const servername = tlsName ?? (isIP(host) === 0 ? host : '')
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(url.port === '' ? 443 : url.port),
      servername,
      ca,
      rejectUnauthorized: false,
      timeout: timeoutMilliseconds,
    })
    const unseen = (why: string) => {
      record(`${server}: its certificate cannot be seen: ${why}`)
      socket.destroy()
      resolve(undefined)
    }
    socket.on('error', (error) => unseen(error.message))
    socket.on('timeout', () => unseen(`no answer within ${timeoutMilliseconds} ms`))
    socket.on('secureConnect', () => {
      // Node's types say Error; it is the code of OpenSSL.
      const why = String(socket.authorizationError ?? '')
      const met = socket.getPeerCertificate(true)
      socket.destroy()
      resolve(
        unknownAuthority.includes(why)
          ? new ForeignAuthority(server, shownCa(ca), shownChain(met))
          : undefined,
      )
    })
  })
}

const shownCa = (ca: string): string => {
  const { subject, fingerprint256 } = new X509Certificate(ca)
  return `${shortened(subject.replaceAll('\n', ', '), 80)}, sha256 ${fingerprint256}`
}

/** Issuer and fingerprint of the last certificate that the server sent. */
function shownChain(leaf: DetailedPeerCertificate): string {
  let last = leaf
  while (
    last.issuerCertificate !== undefined &&
    last.issuerCertificate.fingerprint256 !== last.fingerprint256
  )
    last = last.issuerCertificate
  return `signed by CN=${shortened(String(last.issuer.CN), 60)}, sha256 ${last.fingerprint256}`
}
