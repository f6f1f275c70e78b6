import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { logsFolder, root } from '../../../lib/base/files.mts'

/** A program whose work is `body`, an expression of a function, in a process of its own. */
function runProgram(body: string) {
  const folder = mkdtempSync(join(tmpdir(), 'program-'))
  try {
    const program = join(folder, 'program.mts')
    writeFileSync(
      program,
      `import { runToItsEnd, startProgram } from '${root}/lib/cli/program.mts'
import { noteBegun, written } from '${root}/lib/base/written.mts'
import { openLog, say } from '${root}/lib/base/log.mts'
import { pauseFor } from '${root}/lib/base/poll.mts'
import { questions } from '${root}/lib/base/terminal.mts'
startProgram('step', '', ${body})`,
    )
    const words = ['--import', join(root, 'bin/runtime.mjs'), program]
    return spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('what is thrown in a listener ends the run as a signal does: with its clean-up, one line, exit 1', () => {
  const started = performance.now()
  const { status, stdout, stderr } = runProgram(`async () => {
  setTimeout(() => { throw new Error('late words') }, 50)
  try {
    await pauseFor(30_000)
    return 0
  } finally {
    console.log('given back')
  }
}`)
  assert.equal(stdout, 'given back\n')
  assert.match(stderr, /a bug of the kit: late words {3}exit 1/)
  assert.equal(status, 1)
  assert.ok(performance.now() - started < 25_000)
})

test('input that ends at a question is told as that: exit 130', () => {
  const { status, stderr } = runProgram('() => questions.during(new Promise(() => {}))')
  assert.match(stderr, /cancelled: the input ended at a question; nothing was written {3}exit 130/)
  assert.equal(status, 130)
})

test('a run with nothing left to wait for has failed, also when no question is open', () => {
  const { status, stderr } = runProgram('() => new Promise(() => {})')
  assert.match(stderr, /the run stopped before its end {3}exit 1/)
  assert.equal(status, 1)
})

test('of several modules in one process each has its own error, its own log, and has written what it wrote itself', () => {
  const env = `unit-${process.pid}`
  try {
    const { status, stderr } = runProgram(`async () => {
  const first = await runToItsEnd(async () => {
    openLog('${env}', 'first')
    noteBegun('ConfigMap a/b')
    throw new Error(written())
  })
  const second = await runToItsEnd(async () => {
    say(written())
    return 0
  })
  say(first + ' ' + second)
  return 0
}`)
    const [failed, next, log, ...rest] = stderr.trim().split('\n')
    assert.match(failed ?? '', /a bug of the kit: This run had begun to write: ConfigMap a\/b/)
    assert.match(next ?? '', /next: run the same command again/)
    assert.match(log ?? '', /log +logs\/unit-\d+\/\S+-first\.log$/)
    assert.deepEqual(rest, ['Nothing was written.', '1 0'])
    assert.equal(status, 0)
  } finally {
    rmSync(logsFolder(env), { recursive: true, force: true })
  }
})
