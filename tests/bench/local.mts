import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../lib/base/files.mts'
import { inTurn, run, type Row } from './measure.mts'

const against = 'node -e 0'

/** Of 8 beside busy pods of the practice platform not one plan was undisturbed for its whole length, once. */
const rounds = 20

/** What needs no cluster: how long an operator waits for words, and for a plan. */
export function local(): Row[] {
  const kit = makeKit()
  const master = join(kit, '00_master_install.mjs')
  const contestants = [
    ['node', '-e', '0'],
    [master, '--help'],
    [master, '--env', 'bench', '--module', '12', '--plan', '--offline'],
  ]
  try {
    const measured = contestants.map((words) => () => run(words).ms)
    const [theirs, help, offline] = inTurn(rounds, measured)
    return [
      { name: '--help', against, ours: help, theirs, bound: 1.6 },
      { name: '--plan --offline of module 12', against, ours: offline, theirs, bound: 8 },
    ]
  } finally {
    rmSync(kit, { recursive: true })
  }
}

/** A copy of the kit with an empty environment of its own: its plan shows settings as <KEY>. */
function makeKit(): string {
  const kit = mkdtempSync(join(tmpdir(), 'keybuzz-bench-'))
  for (const part of ['00_master_install.mjs', 'bin', 'lib', 'scripts', 'package.json', 'versions.json'])
    cpSync(join(root, part), join(kit, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(kit, 'node_modules'))
  mkdirSync(join(kit, 'credentials/bench'), { recursive: true, mode: 0o700 })
  return kit
}
