import { spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import ssh2 from 'ssh2'
import { hostKeyOf, type HostKey } from '../../../lib/hosts/known-hosts.mts'
import type { Login } from '../../../lib/hosts/ssh-dial.mts'

/** An SSH server on loopback. */
export interface Sshd {
  readonly key: HostKey
  /** How it is connected by somebody who trusts its key. */
  readonly login: Login
  /** Ends every connection, as a host does that is cut off. */
  drop(): void
  /** How many connections are open. */
  connected(): number
  /** How many sessions it has refused. */
  refused(): number
  close(): void
}

export interface SshdOptions {
  /** Sessions at once on a connection, as MaxSessions of sshd_config. */
  readonly maxSessions?: number
  /** Ends each session without an exit code. */
  readonly withoutCode?: boolean
}

/** A new ed25519 key. ssh2 1.17 writes one in some hundred so that it cannot read it again: that one is not taken. */
function newKey() {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519')
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair
  }
}

/**
 * Starts an SSH server whose user has this login shell.
 * @param shellOf the words that run what a client asks for: `['sh', '-c', command]`
 */
export async function startSshd(
  shellOf: (command: string) => readonly string[],
  { maxSessions = 10, withoutCode = false }: SshdOptions = {},
): Promise<Sshd> {
  let refusals = 0
  const [host, user] = [newKey(), newKey()]
  const clients = new Set<ssh2.Connection>()
  const server = new ssh2.Server({ hostKeys: [host.private] }, (client) => {
    client.on('error', () => {})
    clients.add(client)
    client.on('close', () => clients.delete(client))
    client.on('authentication', (asked) => (asked.method === 'publickey' ? asked.accept() : asked.reject()))
    let sessions = 0
    client.on('session', (accept, reject) => {
      if (sessions >= maxSessions) {
        refusals += 1
        reject()
        return
      }
      sessions += 1
      const session = accept()
      session.on('close', () => (sessions -= 1))
      session.on('exec', (acceptExec, _reject, { command }) => {
        const channel = acceptExec()
        const [program = '', ...words] = shellOf(command)
        const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
        // What still writes to a client that is gone would keep the test alive: the shell, and what it started.
        client.on('close', () => endGroup(child.pid))
        // A command that does not read what it is sent.
        child.stdin.on('error', () => {})
        channel.pipe(child.stdin)
        child.stdout.pipe(channel, { end: false })
        child.stderr.pipe(channel.stderr, { end: false })
        child.on('close', (code) => {
          if (!withoutCode) channel.exit(code ?? 128)
          channel.end()
        })
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const key = hostKeyOf(Buffer.from(host.public.split(' ')[1] ?? '', 'base64'))
  const target = { name: 'worker-01', address: '127.0.0.1', port, user: 'root' }
  const keys = { known: [key], revoked: [] }
  return {
    key,
    login: { ...target, privateKey: user.private, keyFile: 'ssh/id_ed25519', keys },
    drop() {
      for (const client of clients) client.end()
    },
    connected: () => clients.size,
    refused: () => refusals,
    close: () => server.close(),
  }
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
