import { join } from 'node:path'
import { readArguments } from '../lib/arguments.mts'
import { runChild } from '../lib/child.mjs'
import { chooseEnvironment } from '../lib/credentials.mts'
import { exitCodes, type ExitCode } from '../lib/errors.mts'
import { root } from '../lib/file.mts'
import { interruption } from '../lib/interrupt.mts'
import { say } from '../lib/log.mts'
import { folderOf } from '../lib/module.mts'
import { startProgram } from '../lib/run.mts'
import { selectModules } from '../lib/selection.mts'
import { modules } from './modules.mjs'

/** Flags that are the master's own; every other word goes on to the modules as it was typed. */
const own = new Set(['--module', '--skip'])

startProgram('master', '', async (given) => {
  const env = chooseEnvironment(given.env)
  const selected = selectModules(modules, { only: given.module, skip: given.skip })
  const words = ['--env', env, ...passedOn(process.argv.slice(2))]
  let pending: ExitCode = exitCodes.done
  for (const row of selected) {
    const name = folderOf(row)
    const code = await runChild(join(root, 'bin/ts'), [
      join(root, 'scripts', name, `${name}_apply_all.mts`),
      ...words,
    ])
    interruption.throwIfAsked()
    // A plan looks at every module; anything else stops at the first that did not pass.
    if (code === exitCodes.changesPending) pending = exitCodes.changesPending
    else if (code !== exitCodes.done) return stoppedAt(row.number, selected.length, code as ExitCode)
  }
  return pending
})

function stoppedAt(number: number, count: number, code: ExitCode): ExitCode {
  if (count > 1) say(`✗ stopped at module ${number}: the ones after it were not begun   exit ${code}`)
  return code
}

/** The words without the master's own flags, and without --env, which is given once. */
function passedOn(words: readonly string[]): string[] {
  readArguments('master', words)
  const left: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    const name = word.split('=')[0] ?? ''
    if (!own.has(name) && name !== '--env') left.push(word)
    else if (!word.includes('=')) at += 1
  }
  return left
}
