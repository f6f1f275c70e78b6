import { createHash } from 'node:crypto'

/** A host's public key, as known_hosts and ssh-keygen write it. */
export interface HostKey {
  /** `ssh-ed25519` */
  readonly type: string
  readonly blob: string
}

/** The key in the bytes a server sends: its type stands at their beginning. */
export function hostKeyOf(bytes: Buffer): HostKey {
  const length = bytes.readUInt32BE(0)
  return { type: bytes.subarray(4, 4 + length).toString('latin1'), blob: bytes.toString('base64') }
}

/** As `ssh-keygen -l` shows it, which is what an operator compares with. */
export const fingerprint = ({ blob }: HostKey): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`

/** The line of known_hosts for a host that is called by these names and addresses. */
export const knownHostsLine = (names: readonly string[], { type, blob }: HostKey): string =>
  `${names.join(',')} ${type} ${blob}`

/**
 * The keys a known_hosts file has for a host. Only plain names are read: the kit writes this file itself, and
 * hashed names would hide from the operator which host a line is about.
 * @param port 22 stands as the bare name, any other as `[name]:port`
 */
export function knownKeys(text: string, name: string, port: number): HostKey[] {
  const wanted = port === 22 ? name : `[${name}]:${port}`
  return text.split(/\r?\n/).flatMap((line) => {
    const [names = '', type = '', blob = ''] = line.trim().split(/\s+/)
    return !names.startsWith('#') && blob !== '' && names.split(',').includes(wanted) ? [{ type, blob }] : []
  })
}
