import { NodeSSH } from 'node-ssh'
import { awaitedLater } from '../base/concurrency.mts'
import { KitError, messageOf } from '../base/errors.mts'
import { aborted, interruption } from '../base/signals.mts'
import type { Attempt } from './dialing.mts'
import {
  changedKey,
  hostKeyOf,
  includesKey,
  revokedKey,
  UnknownHost,
  type HostKey,
  type HostKeys,
} from './known-hosts.mts'
import { algorithmsOf } from './ssh-algorithms.mts'
import { connectError, type Target } from './ssh-errors.mts'

// The only importer of node-ssh. One connection per host, no tunnel, one key offered: what an sshd with MaxSessions
// 2, MaxAuthTries 3 and no forwarding accepts.
export type Ssh = NodeSSH

export interface Login extends Target {
  /** The private key's text, without a passphrase; and its file, for messages. */
  readonly privateKey: string
  readonly keyFile: string
  /** The host's keys in known_hosts: without a known key there is no connection. */
  readonly keys: Pick<HostKeys, 'known' | 'revoked'>
}

/** Milliseconds between keepalive requests; the third without a reply ends the connection: within 45 s. */
const keepalive = 12_000

/**
 * Opens the connection to one host, whose key must be a known one, and logs in.
 * @param attempt when other hosts are connected meanwhile
 * @throws UnknownHost (7); KitError exit 2 for the private key, 6 without an answer, 7 for a changed or revoked host
 *   key, 8 for a refused login, 130 or 143 on a signal
 */
export async function dial(login: Login, attempt?: Attempt): Promise<Ssh> {
  interruption.throwIfAsked()
  const { address, port, user, privateKey, keys } = login
  const ssh = new NodeSSH()
  let met: HostKey | undefined
  const open = async (algorithms: ReturnType<typeof algorithmsOf>) => {
    const opened = awaitedLater(
      ssh.connect({
        host: address,
        port,
        username: user,
        privateKey,
        // No first attempt with method `none`: MaxAuthTries counts it.
        authHandler: ['publickey'],
        readyTimeout: 15_000,
        keepaliveInterval: keepalive,
        keepaliveCountMax: 2,
        algorithms: algorithms as never,
        hostVerifier: (bytes: Buffer) => {
          met = hostKeyOf(bytes)
          return includesKey(keys.known, met)
        },
      }),
    )
    ssh.connection?.once('connect', () => attempt?.accepted())
    const over = AbortSignal.any([interruption.signal, ...(attempt === undefined ? [] : [attempt.signal])])
    if ((await Promise.race([opened, aborted(over)])) !== undefined) return
    drop(ssh)
    throw Object.assign(new Error('no answer'), { level: 'client-timeout' })
  }
  try {
    await open(algorithmsOf(keys.known)).catch((thrown: unknown) => {
      if (!/no matching host key format/.test(messageOf(thrown))) throw thrown
      // The host no longer has a key of the known types: the next attempt shows the one it has, for the refusal.
      return open(algorithmsOf([]))
    })
    return ssh
  } catch (thrown) {
    ssh.dispose()
    interruption.throwIfAsked()
    if (thrown instanceof KitError) throw thrown
    if (met === undefined || includesKey(keys.known, met)) throw connectError(login, thrown)
    if (includesKey(keys.revoked, met)) throw revokedKey(login, met)
    throw keys.known.length === 0 ? new UnknownHost(login, met) : changedKey(login, keys.known, met)
  } finally {
    attempt?.end()
  }
}

/** Ends a connection at once: a graceful close would continue to read what the host writes. */
export function drop(ssh: Ssh): void {
  ssh.connection?.destroy()
  ssh.dispose()
}
