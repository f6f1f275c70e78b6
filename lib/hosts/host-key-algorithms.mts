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
 * The host key algorithms to negotiate: of several keys a host may have, those of the known types. Empty for key types that are not known here: the host
 * then chooses, and its key is compared all the same.
 */
export const algorithmsOf = (known: readonly HostKey[]): string[] => [
  ...new Set(known.flatMap(({ type }) => signatures[type] ?? [])),
]
