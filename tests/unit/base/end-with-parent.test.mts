import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../../../lib/base/command.mts'

// A run is killed while its program waits for a server that hangs: what the program asked for must not be done later.

const closing: (() => void)[] = []
after(() => closing.forEach((close) => close()))

/** An API server that takes a request and does not answer. */
async function hang(): Promise<{ server: Server; asked: Promise<Socket>; address: string }> {
  let told: (socket: Socket) => void = () => {}
  const asked = new Promise<Socket>((resolve) => (told = resolve))
  const server = createServer((request) => {
    request.resume()
    told(request.socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, asked, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const find = (program: string): string | undefined => {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`])
      .toString()
      .trim()
  } catch {
    return undefined
  }
}

/** A PATH without setpriv: BusyBox, or another system than Linux. */
function bareFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-path-'))
  for (const program of ['sh', 'bash', 'ps', 'true']) symlinkSync(find(program) ?? '', join(folder, program))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const request = `require('node:http').request(process.argv[1], { method: 'PATCH' }).end('a write')`
const kubectl = find('kubectl')
const programs: Record<string, ((address: string) => string[]) | undefined> = {
  'a program of Node': (address) => [process.execPath, '-e', request, address],
  kubectl:
    kubectl === undefined
      ? undefined
      : (address) => [kubectl, `--server=${address}`, '--kubeconfig=/dev/null', 'get', '--raw', '/api'],
}

/** Kills a run of parent.mts when its request has come, and waits until the request's connection is closed. */
async function killedWhileAsking(
  { asked }: Awaited<ReturnType<typeof hang>>,
  words: readonly string[],
  path: string | undefined,
): Promise<void> {
  const parent = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'parent.mts'), ...words],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...(path === undefined ? {} : { PATH: path }) },
    },
  )
  const socket = await asked
  const closed = once(socket, 'close')
  const killed = performance.now()
  parent.kill('SIGKILL')
  const late = setTimeout(() => socket.destroy(), 5000)
  await closed
  clearTimeout(late)
  assert.ok(performance.now() - killed < 4000, 'its request was still under way after 4 s')
}

for (const [way, path] of [
  ['by the kernel', undefined],
  ['by a watcher', bareFolder()],
] as const) {
  for (const [name, wordsFor] of Object.entries(programs)) {
    const skip = wordsFor === undefined ? 'there is no kubectl here' : false
    test(`${name} ends with a parent that is killed, ${way}`, { skip }, async () => {
      const server = await hang()
      await killedWhileAsking(server, ['run', ...(wordsFor?.(server.address) ?? [])], path)
    })
  }
}

test(
  'a write to the API server that is under way ends with a kit that is killed',
  { skip: kubectl === undefined ? 'there is no kubectl here' : false },
  async () => {
    const server = await hang()
    const folder = mkdtempSync(join(tmpdir(), 'keybuzz-write-'))
    closing.push(() => rmSync(folder, { recursive: true, force: true }))
    const words = ['write', kubectl ?? '', server.address, join(folder, 'kubeconfig')]
    await killedWhileAsking(server, words, undefined)
  },
)

test('exit code, output and input of a program are its own, whichever way it is held', async () => {
  const script = 'cat; echo told >&2; exit 7'
  const direct = await run(['sh', '-c', script], { input: 'said' })
  assert.deepEqual(direct, { code: 7, stdout: 'said', stderr: 'told\n' })
  assert.equal((await run(['no-such-program-here'])).code, 127)
  const before = process.env['PATH']
  const own = `import { run } from ${JSON.stringify(join(import.meta.dirname, '../../../lib/base/command.mts'))}
    console.log(JSON.stringify(await run(['sh', '-c', 'read line; echo "$line"; echo told >&2; exit 7'], { input: 'said\\n' })))
    console.log((await run(['no-such-program-here'])).code)`
  const text = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', own], {
    env: { ...process.env, PATH: bareFolder() },
    cwd: join(import.meta.dirname, '../../..'),
  }).toString()
  assert.equal(process.env['PATH'], before)
  assert.deepEqual(text.trim().split('\n'), ['{"code":7,"stdout":"said\\n","stderr":"told\\n"}', '127'])
})
