import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'
import { visible } from '../base/visible.mts'
import { between, cutAt, quoted } from './frame.mts'
import { shownTarget, sshTo, type Target } from './ssh-errors.mts'
import { written } from '../base/written.mts'

// The first command of a connection tests that the login shell runs exactly this command and prints nothing else. A
// greeting would be read as a command's output; tcsh ends a quoted word at the line's end, fish halves backslashes.

/**
 * The word of that test: some shell that is not POSIX reads each part differently; fish and tcsh already refuse the
 * `$?` of the frame. Nothing here may be a redirection: tcsh reads the 2 of `2>` as a file name.
 */
const hardWord = "\\\\\\n'!!\n$A é"

/** The output of one command, unchanged. */
export interface Raw {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Requires that the login shell is a POSIX one, prints no greeting, and keeps quoted text unchanged.
 * @param mark from `newMark`
 * @param ask runs a command line in the login shell
 * @throws KitError exit 3 with the text found, exit 8 when the host names another user to log in as; what `ask` throws
 */
export async function requirePlainShell(
  target: Target,
  mark: string,
  ask: (command: string) => Promise<Raw>,
): Promise<void> {
  const { stdout, stderr } = await ask(between(mark, `printf %s ${quoted(hardWord)}`))
  const found = cutAt(mark, stdout)
  const other = found === undefined ? otherUserIn(`${stdout}\n${stderr}`) : undefined
  if (other !== undefined) throw wrongUser(target, `${stdout}\n${stderr}`, other)
  const right = found?.inside === hardWord && found.code === 0
  if (right && found.before === '' && found.after === '') return
  if (right) throw refusal(target, 'prints text of its own', `${found.before}${found.after}`, greetingHint)
  // The program that answers may not be a shell at all: only an absolute path is taken as its name.
  const [shell = ''] = /^\/\S+$/m.exec((await ask('printenv SHELL')).stdout) ?? []
  const what = found === undefined ? 'does not run what it is given' : 'changes words on their way'
  const words = found === undefined ? `${stdout}\n${stderr}` : found.inside
  throw refusal(target, `${shell === '' ? '' : `(${printable(shell)}) `}${what}`, words, shellHint(target))
}

/** The user a host names in place of this one: cloud images accept a key for root only to print such a sentence. */
function otherUserIn(text: string): string | undefined {
  const [, user] = /log ?in as (?:the )?(?:user )?["'`“‘]?([a-z_][\w-]*)/i.exec(text) ?? []
  // Sentences that name none: `login as another user`.
  return user === undefined || /^(an?|another|the|different|user|root)$/i.test(user) ? undefined : user
}

function wrongUser(target: Target, text: string, user: string): KitError {
  return new KitError(
    `${shownTarget(target)} accepts the key of ${target.user}, and only to ask for another user`,
    {
      exitCode: exitCodes.denied,
      details: [...linesOf(text).slice(0, 5), written()],
      hint: `set SSH_USER to ${user}, or USER_SSH of this host in servers.tsv; that user needs sudo. By hand: ${sshTo({ ...target, user })}`,
    },
  )
}

const greetingHint =
  'let ~/.bashrc, ~/.zshenv, /etc/bash.bashrc and what they call print to terminals only: [ -t 1 ] || return'

const shellHint = ({ user }: Target): string =>
  `the kit needs a login shell that is sh, bash, dash or zsh, and no forced command: usermod -s /bin/bash ${user}`

function refusal(target: Target, what: string, text: string, hint: string): KitError {
  const words = linesOf(text)
  return new KitError(
    `${shownTarget(target)}: the login shell of ${target.user} ${what}${words[0] === undefined ? '' : `: ${words[0]}`}`,
    {
      exitCode: exitCodes.preflight,
      details: [...words.slice(1, 6), written()],
      hint,
    },
  )
}

const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map(printable)
    .filter((line) => line !== '')

/** One line of a host's output, without control characters, at most 160 characters. */
const printable = (line: string): string => shortened(visible(line).trim(), 160)
