import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { fetchPart, type Download } from '../../../lib/base/download.mts'
import { NotThere } from '../../../lib/base/download-errors.mts'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { hasRoom, partOf, placePart } from '../../../lib/base/part-file.mts'
import { freePort } from '../free-port.mts'
import { cutServer, startRelease, type Fault } from './release-server.mts'

// A file is fetched from a server on loopback that stands for a release.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-download-'))
const path = join(folder, 'k3s')
const server = await startRelease()
const file = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251))
after(() => {
  server.close()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  server.files.set('k3s', file)
  server.asked.length = 0
})
afterEach(() => {
  server.fault = undefined
  for (const name of [path, partOf(path), `${partOf(path)}.json`]) rmSync(name, { force: true })
})

const fetch = (more: Partial<Download> = {}) =>
  fetchPart({
    url: new URL('k3s', server.base),
    path,
    mostBytes: 1e6,
    silentSeconds: 20,
    safe: 'No host was asked.',
    instead: 'or put k3s there by hand',
    ...more,
  })
const part = () => readFileSync(partOf(path))
const fails = (exitCode: ExitCode, message: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.equal(thrown.exitCode, exitCode, thrown.message)
  assert.match(thrown.message, message)
  assert.ok(thrown.details.includes('No host was asked.'), thrown.details.join('\n'))
  assert.ok(thrown.hint !== undefined && thrown.hint !== '')
  assert.ok(!existsSync(path), 'it has no name before it is proven')
  return true
}

const cutAfter = (bytes: number, ends: boolean): Fault => cutServer(bytes, partOf(path), ends)

test('a file is fetched into its part, and gets its name and mode when it is placed', async () => {
  await fetch()
  assert.deepEqual(part(), file)
  assert.ok(!existsSync(path))
  await placePart(path, 0o755)
  assert.deepEqual(readFileSync(path), file)
  assert.ok(!existsSync(partOf(path)) && !existsSync(`${partOf(path)}.json`))
})

test('a connection that was cut: exit 6 with how far it came, and the next run goes on from there', async () => {
  server.fault = (request, response, content) => {
    if (cutAfter(100_000, true)(request, response, content)) return true
    if (content === undefined) return false
    assert.equal(request.headers['if-range'], '"one"')
    response.writeHead(206, { etag: '"one"', 'content-range': `bytes 100000-299999/300000` })
    response.end(content.subarray(100_000))
    return true
  }
  await assert.rejects(fetch(), (thrown: unknown) => {
    fails(exitCodes.unreachable, /cannot fetch .*k3s from 127\.0\.0\.1:\d+: the connection broke/)(thrown)
    assert.match((thrown as KitError).details.join('\n'), /k3s\.part holds 0\.1 MB of 0\.3 MB/)
    assert.match((thrown as KitError).hint ?? '', /the same command again: it goes on from there/)
    return true
  })
  assert.equal(part().length, 100_000)
  await fetch()
  assert.deepEqual(part(), file)
  assert.deepEqual(server.asked, ['k3s', 'k3s bytes=100000-'])
})

for (const [what, answer] of [
  ['answers no Range', undefined],
  ['has another file by now', { etag: '"two"', 'content-range': 'bytes 100000-299999/300000' }],
  ['has a file of another length', { etag: '"one"', 'content-range': 'bytes 100000-299998/299999' }],
  ['sends another part than was asked for', { etag: '"one"', 'content-range': 'bytes 0-299999/300000' }],
] as const) {
  test(`a server that ${what}: fetched from the beginning`, async () => {
    server.fault = cutAfter(100_000, true)
    await assert.rejects(fetch())
    server.fault = (request, response, content) => {
      if (answer === undefined || request.headers.range === undefined) return false
      response.writeHead(206, answer).end(content?.subarray(1))
      return true
    }
    await fetch()
    assert.deepEqual(part(), file)
  })
}

test('a part without a note of what it is one, or of another address, is not continued', async () => {
  for (const note of [
    undefined,
    'no JSON',
    '{"url":"https://127.0.0.1/other","validator":"\\"one\\"","bytes":300000}',
  ]) {
    writeFileSync(partOf(path), 'of something else')
    if (note !== undefined) writeFileSync(`${partOf(path)}.json`, note)
    await fetch()
    assert.deepEqual(part(), file)
  }
  assert.deepEqual(server.asked, ['k3s', 'k3s', 'k3s'])
})

test('a part that is whole is not fetched again', async () => {
  await fetch()
  await fetch()
  assert.deepEqual(server.asked, ['k3s'])
})

test('a server that falls silent: exit 6 after the bound, and what came stays', async () => {
  server.fault = cutAfter(50_000, false)
  await assert.rejects(fetch({ silentSeconds: 1.5 }), fails(exitCodes.unreachable, /nothing came for 1\.5 s/))
  assert.equal(part().length, 50_000)
})

test('a server that takes the request and never answers: exit 6 after the bound', async () => {
  server.fault = () => true
  await assert.rejects(fetch({ silentSeconds: 0.3 }), fails(exitCodes.unreachable, /nothing came for 0\.3 s/))
})

for (const [status, exitCode, message] of [
  [404, exitCodes.preflight, /no such file \(HTTP 404\)/],
  [403, exitCodes.denied, /refused \(HTTP 403\)/],
  [503, exitCodes.unreachable, /answers HTTP 503/],
] as const) {
  test(`HTTP ${status}: exit ${exitCode}, nothing is made`, async () => {
    server.fault = (_, response) => response.writeHead(status).end('<html>') !== undefined
    await assert.rejects(fetch(), fails(exitCode, message))
    assert.ok(!existsSync(partOf(path)))
  })
}

test('a file the release does not have is told apart, with its address and versions.json', async () => {
  server.files.delete('k3s')
  await assert.rejects(fetch(), (thrown: unknown) => {
    assert.ok(thrown instanceof NotThere)
    assert.ok(thrown.details.includes(`from: ${server.base.href}k3s`))
    assert.match(thrown.hint ?? '', /versions\.json; or put k3s there by hand/)
    return true
  })
})

test('redirects are followed, five of them; further ones are exit 3', async () => {
  let left = 5
  server.fault = (_, response) => {
    if (left === 0) return false
    left -= 1
    return response.writeHead(302, { location: `${left}/k3s?signature=of-the-storage` }).end() !== undefined
  }
  await fetch()
  assert.deepEqual(part(), file)
  rmSync(partOf(path))
  left = 6
  await assert.rejects(fetch(), (thrown: unknown) => {
    fails(exitCodes.preflight, /from one address to the next/)(thrown)
    assert.doesNotMatch((thrown as KitError).details.join('\n'), /signature/)
    return true
  })
})

test('a redirect to plain HTTP beyond this machine is not followed: exit 7', async () => {
  server.fault = (_, response) =>
    response.writeHead(302, { location: 'http://192.0.2.1/k3s' }).end() !== undefined
  await assert.rejects(fetch(), fails(exitCodes.trust, /an address without TLS/))
})

test('a file that is longer than it may be: exit 3, told by its length or while it comes, and it is deleted', async () => {
  await assert.rejects(fetch({ mostBytes: 299_999 }), fails(exitCodes.preflight, /more than 0\.3 MB/))
  server.fault = (_, response, content) => {
    response.writeHead(200)
    return response.end(content) !== undefined
  }
  await assert.rejects(fetch({ mostBytes: 299_999 }), fails(exitCodes.preflight, /more than 0\.3 MB/))
  assert.ok(!existsSync(partOf(path)))
})

test('a full disk while it is written: exit 12, and the next run goes on from there', async () => {
  const full = async (handle: { write: (...all: never[]) => unknown }, piece: Uint8Array, at: number) => {
    if (at > 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    await (handle.write as (bytes: Uint8Array, from: number, length: number, at: number) => Promise<unknown>)(
      piece,
      0,
      piece.length,
      at,
    )
  }
  await assert.rejects(
    fetch({ write: full as NonNullable<Download['write']> }),
    fails(exitCodes.localDisk, /k3s\.part: the disk of this machine is full/),
  )
  assert.ok(part().length > 0 && part().length < file.length)
  await fetch()
  assert.deepEqual(part(), file)
  assert.match(server.asked.at(-1) ?? '', /^k3s bytes=\d+-$/)
})

test('a disk without room for the file: exit 12 before it is filled', async () => {
  server.fault = (_, response) => {
    response.writeHead(200, { 'content-length': 1e15 }).flushHeaders()
    return true
  }
  await assert.rejects(
    fetch({ mostBytes: 1e16 }),
    fails(exitCodes.localDisk, /has no room for 1000000000\.0 MB/),
  )
})

test('a disk that is found full when the file is closed: exit 12', async () => {
  const write = (file: FileHandle) => {
    const close = file.close.bind(file)
    file.close = async () => {
      await close()
      throw Object.assign(new Error('disk quota exceeded'), { code: 'EDQUOT' })
    }
    return Promise.resolve()
  }
  await assert.rejects(
    fetch({ write }),
    fails(exitCodes.localDisk, /k3s\.part: the disk of this machine is full/),
  )
})

test('a file system that does not answer: exit 12', () => {
  assert.throws(() => hasRoom('/proc/absent/k3s', 1), {
    exitCode: exitCodes.localDisk,
    message: 'cannot write /proc/absent/k3s.part: ENOENT',
  })
})

test('a folder that takes no file: exit 12', async () => {
  await assert.rejects(fetch({ path: '/proc/k3s' }), fails(exitCodes.localDisk, /cannot write \/proc\/k3s/))
})

test('nothing listens there: exit 6, with what to do without a network', async () => {
  const url = new URL(`http://127.0.0.1:${await freePort()}/k3s`)
  await assert.rejects(fetch({ url }), (thrown: unknown) => {
    fails(exitCodes.unreachable, /connection refused/)(thrown)
    assert.match((thrown as KitError).hint ?? '', /HTTPS_PROXY=.*or put k3s there by hand/)
    return true
  })
})

for (const [what, answer, message] of [
  ['closes the connection', (socket: Socket) => socket.end(), /the connection broke/],
  ['speaks plain HTTP', (socket: Socket) => socket.end('HTTP/1.1 400 No\r\n\r\n'), /does not speak TLS/],
] as const) {
  test(`a server that ${what} during the TLS handshake: exit 6, not a question of trust`, async (t) => {
    const other = createServer(
      (socket) => void socket.on('error', () => {}).once('data', () => answer(socket)),
    )
    t.after(() => other.close())
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const url = new URL(`https://127.0.0.1:${(other.address() as AddressInfo).port}/k3s`)
    await assert.rejects(fetch({ url }), fails(exitCodes.unreachable, message))
  })
}
