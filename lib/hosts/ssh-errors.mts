import { inMebibytes, mostOutputBytes } from '../base/collect.mts'
import { shownWords } from '../base/command.mts'
import { exitCodes, KitError } from '../base/errors.mts'

/** User, address and port of a connection, and the host's name in messages. */
export interface Target {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly user: string
}

/** A host in messages: `k8s-1 (10.0.0.1)`. */
export const shownTarget = ({ name, address }: Target): string =>
  name === address ? name : `${name} (${address})`

/** The ssh command for an operator. @param flags each followed by a space: `-v ` */
export const sshTo = ({ address, port, user }: Target, flags = ''): string =>
  `ssh ${flags}${port === 22 ? '' : `-p ${port} `}${user}@${address}`

/** Exit 6: the connection was lost while a command ran. Whether the command completed is unknown. */
export const lostLink = (target: Target, doing: string): KitError =>
  new KitError(`${shownTarget(target)}: the connection was lost during: ${doing}`, {
    exitCode: exitCodes.unreachable,
    details: ['Whether it was done is unknown: the next run looks at the host before it does anything.'],
    hint: `check that ${target.address}:${target.port} answers, then run the same command again`,
  })

/** Exit 6: a command did not end in time, or a held one did not print its first line. @param seconds the time limit */
export const noAnswer = (target: Target, doing: string, seconds: number): KitError =>
  new KitError(`${target.name}: no answer within ${seconds} s to: ${doing}`, {
    exitCode: exitCodes.unreachable,
    hint: `look at the host: ${sshTo(target)}, then run the same command again`,
  })

interface Ssh2Error extends Error {
  readonly level?: string
  readonly code?: string
}

/**
 * Why a connection could not be made: exit 2 for the private key, exit 8 when the login is refused, exit 6 for any
 * other reason.
 * @param target with the file of the private key, as messages name it
 * @param thrown the error of ssh2
 */
export function connectError(target: Target & { readonly keyFile: string }, thrown: unknown): KitError {
  const cause = thrown as Ssh2Error
  const { port, user } = target
  const key = shownWords([target.keyFile])
  // The SSH library reads the key before it connects.
  if (cause.message.includes('privateKey')) {
    return new KitError('the file SSH_KEY names is damaged, or of a kind SSH here does not know', {
      exitCode: exitCodes.usage,
      hint: `by hand: ssh-keygen -y -f ${key}; ed25519, ECDSA and RSA are known, in the forms of OpenSSH and PKCS#8`,
      cause,
    })
  }
  if (cause.level === 'client-authentication') {
    return new KitError(`${shownTarget(target)} does not let ${user} in with this key`, {
      exitCode: exitCodes.denied,
      hint: `check SSH_USER and SSH_KEY, or USER_SSH in servers.tsv; by hand: ${sshTo(target, `-i ${key} `)}`,
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

/** Exit 9: a command wrote more than `most` bytes. @param shown the command, as the log names it */
export const outputTooLong = (target: Target, shown: string, most = mostOutputBytes): KitError =>
  new KitError(`${target.name}: more than ${inMebibytes(most)} of output to: ${shown}`, {
    exitCode: exitCodes.rolloutFailed,
    details: ['The connection was closed.'],
    hint: `look at the host: ${sshTo(target)}, then run the same command again`,
  })
