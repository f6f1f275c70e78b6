import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'
import { visible } from '../base/visible.mts'
import { between, cutAt, quoted } from './frame.mts'
import { shownTarget, type Target } from './ssh-errors.mts'
import { written } from '../base/written.mts'

// The first command of a connection: does the login shell run exactly what it is given, and print nothing else?
// A greeting would be read as a command's output; tcsh ends a word at its line's end, fish halves backslashes.

/**
 * Each part is read differently by some shell that is not POSIX; fish and tcsh already refuse the `$?` of the frame.
 * Nothing here may be a redirection: tcsh reads the 2 of `2>` as a file name.
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
 * @param ask runs a text in the login shell
 * @throws KitError exit 3 with the text found, and what `ask` throws
 */
export async function requirePlainShell(
  target: Target,
  mark: string,
  ask: (command: string) => Promise<Raw>,
): Promise<void> {
  const { stdout, stderr } = await ask(between(mark, `printf %s ${quoted(hardWord)}`))
  const found = cutAt(mark, stdout)
  const right = found?.inside === hardWord && found.code === 0
  if (right && found.before === '' && found.after === '') return
  if (right) throw refusal(target, 'prints text of its own', `${found.before}${found.after}`, greetingHint)
  // The program that answers may not be a shell at all: only an absolute path is taken as its name.
  const [shell = ''] = /^\/\S+$/m.exec((await ask('printenv SHELL')).stdout) ?? []
  const what = found === undefined ? 'does not run what it is given' : 'changes words on their way'
  const words = found === undefined ? `${stdout}\n${stderr}` : found.inside
  throw refusal(target, `${shell === '' ? '' : `(${printable(shell)}) `}${what}`, words, shellHint(target))
}

const greetingHint =
  'let ~/.bashrc, ~/.zshenv, /etc/bash.bashrc and what they call print to terminals only: [ -t 1 ] || return'

const shellHint = ({ user }: Target): string =>
  `the kit needs a login shell that is sh, bash, dash or zsh, and no forced command: usermod -s /bin/bash ${user}`

function refusal(target: Target, what: string, text: string, hint: string): KitError {
  const words = text
    .split(/\r?\n/)
    .map(printable)
    .filter((line) => line !== '')
  return new KitError(
    `${shownTarget(target)}: the login shell of ${target.user} ${what}${words[0] === undefined ? '' : `: ${words[0]}`}`,
    {
      exitCode: exitCodes.preflight,
      details: [...words.slice(1, 6), written()],
      hint,
    },
  )
}

/** One line of a host's output, without control characters, at most 160 characters. */
const printable = (line: string): string => shortened(visible(line).trim(), 160)
