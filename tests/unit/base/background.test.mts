import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { after, test } from 'node:test'
import { endBackground, startInBackground } from '../../../lib/base/background.mts'
import { root } from '../../../lib/base/files.mts'

// A program in the background keeps no event loop alive.
const alive = setInterval(() => {}, 1000)
after(() => clearInterval(alive))

const place = mkdtempSync(join(tmpdir(), 'keybuzz-background-'))
after(() => rmSync(place, { recursive: true }))
const newFolder = (): string => mkdtempSync(join(place, 'one-'))

/** A program that writes its process id down, and that of one it has started. */
const program = (ids: string): string[] => ['sh', '-c', `sleep 77 & echo "$$ $!" >${ids}; wait`]

async function idsIn(path: string): Promise<number[]> {
  while (!existsSync(path) || !readFileSync(path, 'utf8').includes('\n')) await pause(10)
  return readFileSync(path, 'utf8').trim().split(' ').map(Number)
}

const runs = (id: number): boolean => {
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}
const goneIn = async (ids: readonly number[], seconds: number): Promise<boolean> => {
  const until = performance.now() + seconds * 1000
  while (ids.some(runs) && performance.now() < until) await pause(20)
  return !ids.some(runs)
}

test('a program in the background ends with all it started when it is ended, and its folder is gone', async () => {
  const folder = newFolder()
  const ids = join(newFolder(), 'ids')
  startInBackground(program(ids), folder)
  const started = await idsIn(ids)
  assert.ok(started.every(runs))
  await endBackground()
  assert.ok(await goneIn(started, 5))
  assert.ok(!existsSync(folder))
})

test('one that ends by itself says how, without its secrets of the environment, and its folder is gone', async () => {
  const folder = newFolder()
  process.env['KEYBUZZ_PLANTED'] = 'planted'
  const { ended } = startInBackground(['sh', '-c', 'echo "no $KEYBUZZ_PLANTED way" >&2; exit 7'], folder)
  assert.deepEqual(await ended, { code: 7, stderr: 'no  way\n' })
  delete process.env['KEYBUZZ_PLANTED']
  assert.ok(!existsSync(folder))
})

test('one that ends before the shell waits for it ends with its own exit code too', async () => {
  const many = Array.from({ length: 20 }, () => startInBackground(['sh', '-c', 'exit 7'], newFolder()).ended)
  for (const { code } of await Promise.all(many)) assert.equal(code, 7)
})

test('many listen at once: each hears what is written meanwhile, and Node warns of nothing', async () => {
  const warned: string[] = []
  const warn = ({ message }: Error) => void warned.push(message)
  process.on('warning', warn)
  const go = join(newFolder(), 'go')
  const waits = `until [ -e ${go} ]; do sleep 0.05; done; echo heard >&2`
  const program = startInBackground(['sh', '-c', waits], newFolder())
  const heard = Array.from({ length: 30 }, () => program.listen())
  const early = program.listen()()
  writeFileSync(go, '')
  await program.ended
  process.off('warning', warn)
  assert.deepEqual([early, [...new Set(heard.map((one) => one()))], warned], ['', ['heard\n'], []])
})

test('one that does not end when it is told to is killed', async () => {
  const ids = join(newFolder(), 'ids')
  const one = startInBackground(
    ['sh', '-c', `trap '' TERM; echo "$$" >${ids}; while :; do sleep 1; done`],
    newFolder(),
  )
  const started = await idsIn(ids)
  await one.end()
  assert.ok(await goneIn(started, 5))
})

test('when the kit is killed the program ends, and its folder is gone', async () => {
  const folder = newFolder()
  const other = newFolder()
  const ids = join(other, 'ids')
  const script = join(other, 'kit.mts')
  writeFileSync(
    script,
    `import { startInBackground } from '${root}/lib/base/background.mts'
startInBackground(${JSON.stringify(program(ids))}, '${folder}')
setInterval(() => {}, 1000)`,
  )
  const kit = spawn(process.execPath, [...process.execArgv, script], { stdio: 'ignore' })
  const started = await idsIn(ids)
  kit.kill('SIGKILL')
  await once(kit, 'exit')
  assert.ok(await goneIn(started, 10))
  for (let tries = 0; existsSync(folder) && tries < 200; tries += 1) await pause(20)
  assert.ok(!existsSync(folder))
})

test('a folder that cannot be removed keeps no program alive, and no error of the run from being told', async () => {
  const file = join(newFolder(), 'file')
  writeFileSync(file, '')
  const [folder, ids] = [join(file, 'folder'), join(newFolder(), 'ids')]
  const one = startInBackground(program(ids), folder)
  const started = await idsIn(ids)
  await endBackground()
  await one.end()
  assert.ok(await goneIn(started, 5))
})
