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
 * The host key algorithms to negotiate: those of the known keys first. The others follow, so that a host that no
 * longer has the known key shows which one it has, and is refused for it. Empty for key types that are not known here:
 * the host then chooses, and its key is compared all the same.
 */
export function algorithmsOf(known: readonly HostKey[]): string[] {
  const first = known.flatMap(({ type }) => signatures[type] ?? [])
  return first.length === 0 ? [] : [...new Set([...first, ...Object.values(signatures).flat()])]
}
