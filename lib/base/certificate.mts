import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'

/** Whole days until `end`, rounded down; negative after it. */
export const daysUntil = (end: Date, now = new Date()): number =>
  Math.floor((end.getTime() - now.getTime()) / 86_400_000)

/** Days before the end of a certificate at which warnings begin. cert-manager renews 30 days before the end. */
const warnDays = 21

/** The warning about a certificate that has ended or ends within 21 days, or undefined. */
export function endNear(end: Date, now = new Date()): string | undefined {
  const days = daysUntil(end, now)
  if (days >= warnDays) return undefined
  const date = end.toISOString().slice(0, 10)
  return days < 0
    ? `the certificate ended on ${date}`
    : `the certificate ends in ${days} days (${date}): renew it`
}

/**
 * Why a PEM text cannot be the certificate of a public name. Its chain, if any, follows it in the file.
 * @param text PEM
 * @param host the DNS name it must be valid for; undefined: the name is not checked
 * @returns the end of a sentence about the file: `ended on 2026-01-31`; undefined when the certificate can be used
 */
export function certificateProblem(
  text: string,
  host: string | undefined,
  now = new Date(),
): string | undefined {
  const certificate = parsed(text)
  if (certificate === undefined) return 'must be a certificate in PEM form: -----BEGIN CERTIFICATE-----'
  const unusable = shapeProblem(certificate)
  if (unusable !== undefined) return unusable
  if (host !== undefined && certificate.checkHost(host, { subject: 'never' }) === undefined)
    return `is for ${certificate.subjectAltName}, not for ${host}`
  const [begin, end] = [new Date(certificate.validFrom), new Date(certificate.validTo)]
  if (end < now) return `ended on ${end.toISOString().slice(0, 10)}`
  if (begin > now) return `is good only from ${begin.toISOString().slice(0, 10)} on`
  return undefined
}

/** Extended key usages of a server certificate, by object identifier: serverAuth and anyExtendedKeyUsage. */
const serving = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']

/** Signature algorithms that browsers refuse, as their object identifiers in DER. */
const weakSignatures = {
  'SHA-1': ['06092a864886f70d010105', '06072a8648ce3d0401'],
  MD5: ['06092a864886f70d010104'],
}

/** Why browsers refuse a certificate whatever its names and dates are; undefined when they accept it. */
function shapeProblem({
  subjectAltName,
  subject,
  keyUsage,
  publicKey,
  raw,
}: X509Certificate): string | undefined {
  if (subjectAltName === undefined)
    return `has no subjectAltName, and browsers read no other name (its subject is ${subject}): ask its issuer for one with DNS names`
  // Undefined without that extension; Node's types declare it as always present.
  const usages = keyUsage as readonly string[] | undefined
  if (usages !== undefined && usages.length > 0 && !usages.some((one) => serving.includes(one)))
    return 'is not for servers: its extended key usage lacks serverAuth'
  const { modulusLength = 2048, namedCurve = 'prime256v1' } = publicKey.asymmetricKeyDetails ?? {}
  if (modulusLength < 2048) return `has an RSA key of ${modulusLength} bits: browsers accept 2048 and more`
  const isCommon = ['rsa', 'ec'].includes(publicKey.asymmetricKeyType ?? '')
  if (!isCommon || !['prime256v1', 'secp384r1'].includes(namedCurve))
    return `has a key (${isCommon ? namedCurve : publicKey.asymmetricKeyType}) that browsers do not accept: RSA, or ECDSA with P-256 or P-384`
  const weak = Object.entries(weakSignatures).find(([, ids]) =>
    ids.some((id) => raw.includes(Buffer.from(id, 'hex'))),
  )
  return weak === undefined ? undefined : `is signed with ${weak[0]}, which browsers refuse`
}

/**
 * Why a PEM text cannot be the certificates of one or several CAs.
 * @param text PEM
 * @returns the end of a sentence about the file, as certificateProblem; undefined when it can be used
 */
export function authorityProblem(text: string, now = new Date()): string | undefined {
  const blocks = text.match(/-----BEGIN [^-]+-----[^-]*-----END [^-]+-----/g) ?? []
  if (blocks.some((block) => block.includes('PRIVATE KEY')))
    return 'holds a private key: take it out, pods read this file'
  const certificates = blocks.map(parsed)
  if (certificates.length === 0 || certificates.includes(undefined))
    return 'must be certificates in PEM form: -----BEGIN CERTIFICATE-----'
  const ended = certificates.find((one) => one !== undefined && new Date(one.validTo) < now)
  return ended === undefined ? undefined : `has one that ended on ${ended.validTo}: ${ended.subject}`
}

/**
 * Why a PEM text cannot be the private key of a certificate.
 * @param text PEM
 * @param certificate PEM; when undefined or damaged, only the key's form is checked
 * @returns the end of a sentence about the file, as certificateProblem; undefined when it can be used
 */
export function keyProblem(text: string, certificate: string | undefined): string | undefined {
  const key = parsedKey(text)
  if (key === undefined) return 'must be a private key in PEM form, without a passphrase'
  const belongsTo = certificate === undefined ? undefined : parsed(certificate)
  if (belongsTo === undefined || belongsTo.checkPrivateKey(key)) return undefined
  return 'is not the key of the certificate beside it'
}

/** True for a text with a certificate in PEM form; text before it is ignored. */
export const isCertificate = (text: string): boolean => parsed(text) !== undefined

function parsed(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}

function parsedKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text)
  } catch {
    return undefined
  }
}
