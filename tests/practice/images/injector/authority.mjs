// Certificates of a CA that is made anew at each start, as the real injector makes them: ECDSA P-256, the CA for ten years,
// the server's for a day. Node reads certificates and makes none: this writes their DER (RFC 5280) itself.
import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'

const minute = 60_000
const day = 24 * 60 * minute

/** One DER value: tag, length, content. */
function der(tag, ...parts) {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const sequence = (...parts) => der(0x30, ...parts)
const octets = (content) => der(0x04, content)
const identifier = (hex) => der(0x06, Buffer.from(hex, 'hex'))
const bits = (content, unused = 0) => der(0x03, Buffer.from([unused]), content)
/** UTCTime: right until 2049. */
const time = (ms) =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`))

const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'))
const nameOf = (text) => sequence(der(0x31, sequence(identifier('550403'), der(0x0c, Buffer.from(text)))))
const extension = (hex, content, critical = false) =>
  sequence(identifier(hex), ...(critical ? [der(0x01, Buffer.from([255]))] : []), octets(content))

const keyUsage = (byte, unused) => extension('551d0f', bits(Buffer.from([byte]), unused), true)
const serverAuthentication = extension('551d25', sequence(identifier('2b06010505070301')))
const basicConstraints = (isAuthority) =>
  extension('551d13', sequence(...(isAuthority ? [der(0x01, Buffer.from([255]))] : [])), true)
const hostNames = (hosts) =>
  extension('551d11', sequence(...hosts.map((host) => der(0x82, Buffer.from(host)))))
const subjectKey = (id) => extension('551d0e', octets(id))
const authorityKey = (id) => extension('551d23', sequence(der(0x80, id)))

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const publicPart = ({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' })
const idOf = (keys) => createHash('sha1').update(publicPart(keys)).digest()

/** A certificate as PEM. */
function certify({ subject, issuer, keys, signer, days, extensions }) {
  const now = Date.now()
  const serial = Buffer.concat([Buffer.from([0x40]), randomBytes(15)])
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    nameOf(issuer),
    sequence(time(now - minute), time(now + days * day)),
    nameOf(subject),
    publicPart(keys),
    der(0xa3, sequence(...extensions)),
  )
  const signed = sequence(content, ecdsaWithSha256, bits(sign('sha256', content, signer.privateKey)))
  const lines = signed.toString('base64').match(/.{1,64}/g)
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** A new CA: its certificate, and what signs a server's for these host names. Its key stays in memory. */
export function makeAuthority() {
  const own = newKey()
  const issuer = 'Agent Inject CA'
  const id = idOf(own)
  const pem = certify({
    subject: issuer,
    issuer,
    keys: own,
    signer: own,
    days: 3650,
    extensions: [
      keyUsage(0x84, 2),
      serverAuthentication,
      basicConstraints(true),
      subjectKey(id),
      authorityKey(id),
    ],
  })
  return {
    pem,
    /** @returns certificate and key as PEM */
    certify(hosts) {
      const keys = newKey()
      const cert = certify({
        subject: 'Agent Inject Service',
        issuer,
        keys,
        signer: own,
        days: 1,
        extensions: [
          keyUsage(0xa0, 5),
          serverAuthentication,
          basicConstraints(false),
          authorityKey(id),
          hostNames(hosts),
        ],
      })
      return { cert, key: keys.privateKey.export({ type: 'sec1', format: 'pem' }) }
    },
  }
}

/** True in the last tenth of a certificate's day. @param now in ms since 1970 */
export const isDue = (pem, now) => new Date(new X509Certificate(pem).validTo).getTime() - now < day / 10

/** The certificates in a text, each with its newline. */
export const certificatesIn = (pem) =>
  (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map((one) => `${one}\n`)
