import { inMebibytes, mostOutputBytes } from '../base/collect.mts'
import { exitCodes, KitError } from '../base/errors.mts'

/** Where a connection leads, as messages name it. */
export interface Target {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly user: string
}

export const shownTarget = ({ name, address }: Target): string =>
  name === address ? name : `${name} (${address})`

/** The command an operator looks at a host with. @param flags each with a blank behind it */
export const sshTo = ({ address, port, user }: Target, flags = ''): string =>
  `ssh ${flags}${port === 22 ? '' : `-p ${port} `}${user}@${address}`

/** A link that broke while a command ran: whether it did its work is unknown, and must be looked up. */
export const lostLink = (target: Target, doing: string): KitError =>
  new KitError(`${shownTarget(target)}: the connection was lost during: ${doing}`, {
    exitCode: exitCodes.unreachable,
    details: ['Whether it was done is unknown: the next run looks at the host before it does anything.'],
    hint: `check that ${target.address}:${target.port} answers, then run the same command again`,
  })

interface Ssh2Error extends Error {
  readonly level?: string
  readonly code?: string
}

/** What ssh2 says of a private key before it asks any host, and what that means. */
const keyProblems = [
  {
    words: /no passphrase given/,
    what: 'the SSH key has a passphrase, and none is known',
    hint: 'save SSH_KEY_PASSPHRASE, or use a key that has none',
  },
  {
    words: /bad passphrase/i,
    what: 'SSH_KEY_PASSPHRASE does not open the SSH key',
    hint: 'correct it; by hand: ssh-keygen -y -f KEY',
  },
  {
    words: /privateKey/,
    what: 'the file SSH_KEY names is damaged, or of a kind SSH here does not know',
    hint: 'by hand: ssh-keygen -y -f KEY; ed25519, ECDSA and RSA in OpenSSH’s form are known',
  },
] as const

/** Why a connection could not be made, in words an operator can act on. */
export function connectError(target: Target, thrown: unknown): KitError {
  const cause = thrown as Ssh2Error
  const { port, user } = target
  const key = keyProblems.find(({ words }) => words.test(cause.message))
  if (key !== undefined) return new KitError(key.what, { exitCode: exitCodes.usage, hint: key.hint, cause })
  if (cause.level === 'client-authentication') {
    return new KitError(`${shownTarget(target)} does not let ${user} in with this key`, {
      exitCode: exitCodes.denied,
      hint: `check SSH_USER and SSH_KEY, or USER_SSH in servers.tsv; by hand: ${sshTo(target, '-i KEY ')}`,
      cause,
    })
  }
  if (cause.level === 'client-socket' || cause.level === 'client-timeout') {
    return new KitError(
      `${shownTarget(target)} cannot be reached on port ${port}: ${cause.code ?? 'no answer'}`,
      {
        exitCode: exitCodes.unreachable,
        hint: 'is the host up, the address right, and port open to this machine?',
        cause,
      },
    )
  }
  return new KitError(`${shownTarget(target)}: no SSH session could be opened: ${cause.message}`, {
    exitCode: exitCodes.unreachable,
    hint: `by hand: ${sshTo(target, '-v ')}; the host's side: journalctl -u ssh`,
    cause,
  })
}

export const outputTooLong = (target: Target, shown: string): KitError =>
  new KitError(`${target.name}: more than ${inMebibytes(mostOutputBytes)} of output to: ${shown}`, {
    exitCode: exitCodes.rolloutFailed,
    details: ['The connection was closed.'],
    hint: `look at the host: ${sshTo(target)}, then run the same command again`,
  })
