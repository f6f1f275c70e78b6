import { connect } from 'node:tls'
import { explained } from './http-errors.mts'

/**
 * Until when the certificate of a server is good. Its end is asked for, not whether it is trusted.
 * @param address host:port
 * @throws KitError when there is no answer within 5 s, or no TLS
 */
export function certificateEnd(address: string): Promise<Date> {
  const [host = '', port = '443'] = address.split(/:(?=\d+$)/)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, timeout: 5000 })
    const fail = (cause: Error) => {
      socket.destroy()
      reject(explained(cause, { host, port, servername: host }))
    }
    socket.on('error', fail).on('timeout', () => fail(new Error('timeout')))
    socket.on('secureConnect', () => {
      const { valid_to } = socket.getPeerCertificate()
      socket.destroy()
      resolve(new Date(valid_to))
    })
  })
}
