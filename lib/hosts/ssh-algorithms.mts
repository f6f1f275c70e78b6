import type { HostKey } from './known-hosts.mts'

/** Signature algorithms offered to a host, by its key type: an ssh-rsa key signs with SHA-2 hashes. */
const signatures: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}

/**
 * What is not offered, so that the first message of each connection is shorter: groups OpenSSH never had, SHA-1,
 * compression, and what every server offers only together with one that is kept (curve25519, nistp256 and 384, groups
 * 14 and 16, aes256-ctr, hmac-sha2-256).
 */
const notOffered = {
  kex: {
    remove: [
      ...['15', '17', '18'].map((group) => `diffie-hellman-group${group}-sha512`),
      'diffie-hellman-group-exchange-sha256',
      'ecdh-sha2-nistp521',
    ],
  },
  cipher: { remove: ['aes192-ctr'] },
  hmac: { remove: ['hmac-sha1', 'hmac-sha1-etm@openssh.com', 'hmac-sha2-512'] },
  compress: ['none'],
}

/**
 * The algorithms to negotiate, as the SSH library takes them: of several keys a host may have, those of the known
 * types. For key types that are not known here the host chooses, and its key is compared as well.
 */
export function algorithmsOf(known: readonly HostKey[]) {
  const serverHostKey = [...new Set(known.flatMap(({ type }) => signatures[type] ?? []))]
  return serverHostKey.length === 0 ? notOffered : { ...notOffered, serverHostKey }
}
