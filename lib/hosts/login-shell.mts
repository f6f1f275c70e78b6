import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'
import { visible } from '../base/visible.mts'
import { between, cutAt, quoted } from './frame.mts'
import { shownTarget, type Target } from './ssh-errors.mts'

// The first question of a connection: does the login shell there run exactly what it is given, and say nothing else?
// A greeting would be read as the answer of a command; tcsh ends a word at its line's end, fish halves backslashes.

/**
 * Each part is read in another way by some shell that is not POSIX; fish and tcsh refuse the `$?` of the frame before.
 * Nothing here may be a redirection: what others end a stream with is a file named 2 to tcsh.
 */
const hardWord = "\\\\\\n'!!\n$A é"

/** What came back of one command, as it came. */
export interface Raw {
  readonly stdout: string
  readonly stderr: string
}

/**
 * Compares greeting, shell and quoting exactly.
 * @param mark random
 * @param ask  gives a text to the login shell
 * @throws KitError exit 3 with the words found
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
  // Whatever answers may be no shell at all: only a path is taken for its name.
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
      details: [...words.slice(1, 6), 'Nothing was written to it.'],
      hint,
    },
  )
}

/** One line of a host's, without what would move a terminal's cursor. */
const printable = (line: string): string => shortened(visible(line).trim(), 160)
