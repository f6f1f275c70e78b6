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
 * What no sshd of today needs: groups OpenSSH never had, MACs with SHA-1, compression. Without them the first message of
 * each connection is shorter.
 */
const needless = {
  kex: { remove: ['diffie-hellman-group15-sha512', 'diffie-hellman-group17-sha512'] },
  hmac: { remove: ['hmac-sha1', 'hmac-sha1-etm@openssh.com'] },
  compress: ['none'],
}

/**
 * The algorithms to negotiate, as the SSH library takes them: of several keys a host may have, those of the known types.
 * For key types that are not known here the host chooses, and its key is compared all the same.
 */
export function algorithmsOf(known: readonly HostKey[]) {
  const serverHostKey = [...new Set(known.flatMap(({ type }) => signatures[type] ?? []))]
  return serverHostKey.length === 0 ? needless : { ...needless, serverHostKey }
}
