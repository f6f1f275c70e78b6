import type { HostKey } from './known-hosts.mts'

/** Signatures a host is asked for, by the kind of its key: ssh-rsa signs with the newer hashes. */
const signatures: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}

/** None for keys of kinds that are not known here: then the host chooses, and its key is compared all the same. */
export const algorithmsOf = (known: readonly HostKey[]): string[] => [
  ...new Set(known.flatMap(({ type }) => signatures[type] ?? [])),
]
