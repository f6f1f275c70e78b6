import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { fetchRelease, type ReleaseFile } from '../../../lib/settings/fetch-release.mts'
import { cutServer, startRelease, sumOf } from '../base/release-server.mts'

// Files of a release, fetched from a server on loopback that stands for its page.

const above = mkdtempSync(join(tmpdir(), 'keybuzz-fetch-release-'))
const folder = join(above, 'artifacts')
const server = await startRelease()
after(() => {
  server.close()
  rmSync(above, { recursive: true })
})
const list = 'sha256sum-amd64.txt'
const [program, images] = [Buffer.from('the program'), Buffer.from('the images')]
const listOf = (files: Readonly<Record<string, Buffer | string>>) =>
  Buffer.from(
    Object.entries(files)
      .map(([name, content]) => `${sumOf(content)}  ${name}\n`)
      .join(''),
  )
const put = (name: string, content: Buffer | string) => writeFileSync(join(folder, name), content)

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true })
  server.fault = undefined
  server.asked.length = 0
  server.files.clear()
  server.files.set('k3s', program).set('images.tar.zst', images)
  server.files.set(list, listOf({ k3s: program, 'images.tar.zst': images, 'k3s-armhf': 'of another one' }))
})

const fileOf = (name: string, more: Partial<ReleaseFile> = {}): ReleaseFile => ({
  path: join(folder, name),
  mode: name === 'k3s' ? 0o755 : 0o644,
  pinned: undefined,
  ...more,
})
const fetch = (files: readonly ReleaseFile[] = [fileOf('k3s'), fileOf('images.tar.zst')]) =>
  fetchRelease({
    base: server.base,
    list,
    files,
    mostBytes: 1e6,
    silentSeconds: 20,
    safe: 'No host was asked.',
    instead: 'or put them there by hand',
  })
const fails = (exitCode: ExitCode, message: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.equal(thrown.exitCode, exitCode, thrown.message)
  assert.match(thrown.message, message)
  assert.match(thrown.details.join('\n'), /No host was asked\./)
  return true
}
const there = () => (existsSync(folder) ? readdirSync(folder).toSorted() : [])

test('the list comes first, then each file; they have the modes they need', async () => {
  assert.equal(await fetch(), true)
  assert.deepEqual(server.asked, [list, 'k3s', 'images.tar.zst'])
  assert.deepEqual(there(), ['images.tar.zst', 'k3s', list])
  assert.deepEqual(readFileSync(join(folder, 'k3s')), program)
  assert.equal(statSync(join(folder, 'k3s')).mode & 0o777, 0o755)
  assert.equal(statSync(join(folder, 'images.tar.zst')).mode & 0o777, 0o644)
})

test('a list that was cut while it was fetched vouches for nothing', async () => {
  mkdirSync(folder)
  put(`${list}.part`, listOf({ k3s: 'of another one' }))
  assert.equal(await fetch([fileOf('k3s')]), true)
  assert.deepEqual(readFileSync(join(folder, 'k3s')), program)
})

test('files of two folders get a list each', async () => {
  const inner = join(folder, 'inner')
  await fetch([fileOf('k3s'), fileOf('images.tar.zst', { path: join(inner, 'images.tar.zst') })])
  assert.deepEqual(there(), ['inner', 'k3s', list])
  assert.deepEqual(readdirSync(inner).toSorted(), ['images.tar.zst', list])
})

test('a list that lies there and names the file is used, and not fetched', async () => {
  await fetch()
  rmSync(join(folder, 'k3s'))
  server.asked.length = 0
  assert.equal(await fetch([fileOf('k3s')]), false)
  assert.deepEqual(server.asked, ['k3s'])
})

test('a list that lies there and does not name the file: exit 7, it is not replaced', async () => {
  mkdirSync(folder)
  put(list, listOf({ other: 'of another one' }))
  await assert.rejects(fetch(), (thrown: unknown) => {
    fails(exitCodes.trust, /sha256sum-amd64\.txt does not name k3s, images\.tar\.zst/)(thrown)
    assert.match((thrown as KitError).hint ?? '', /^rm .*sha256sum-amd64\.txt /)
    return true
  })
  assert.deepEqual(there(), [list])
  assert.deepEqual(server.asked, [])
})

test('a file that was altered: exit 7 with both sums; it is deleted, what was fetched before it stays', async () => {
  server.files.set('images.tar.zst', Buffer.from('the imagez'))
  await assert.rejects(fetch(), (thrown: unknown) => {
    fails(exitCodes.trust, /images\.tar\.zst of .* is not the file its checksum names/)(thrown)
    const told = (thrown as KitError).details.join('\n')
    assert.match(told, new RegExp(`wanted: ${sumOf(images)}\nsha256 found: ${sumOf('the imagez')}`))
    return true
  })
  assert.deepEqual(there(), ['k3s', list])
})

test('a file that was cut and whose rest is of another one: exit 7, and the next run begins anew', async () => {
  const cut = cutServer(4, join(folder, 'k3s.part'), true)
  server.fault = (request, response, content) => content === program && cut(request, response, content)
  await assert.rejects(fetch([fileOf('k3s')]), fails(exitCodes.unreachable, /the connection broke/))
  server.fault = (request, response, content) => {
    if (request.headers.range === undefined || content !== program) return false
    const range = `bytes 4-${content.length - 1}/${content.length}`
    response.writeHead(206, { etag: '"one"', 'content-range': range })
    return response.end('progrAm') !== undefined
  }
  await assert.rejects(fetch([fileOf('k3s')]), fails(exitCodes.trust, /is not the file/))
  server.fault = undefined
  await fetch([fileOf('k3s')])
  assert.deepEqual(readFileSync(join(folder, 'k3s')), program)
})

test('a list that names another sum than versions.json: exit 7 before any file is fetched', async () => {
  await assert.rejects(
    fetch([fileOf('k3s', { pinned: sumOf('pinned') })]),
    fails(exitCodes.trust, /versions\.json and sha256sum-amd64\.txt of .* disagree about k3s/),
  )
  assert.deepEqual(server.asked, [list])
  assert.deepEqual(there(), [])
})

test('a file that fits the list that lies there and not versions.json: exit 7', async () => {
  await fetch()
  rmSync(join(folder, 'k3s'))
  await assert.rejects(
    fetch([fileOf('k3s', { pinned: sumOf('pinned') })]),
    fails(exitCodes.trust, /is not the file its checksum names/),
  )
  assert.deepEqual(there(), ['images.tar.zst', list])
})

test('a page in the place of the list: exit 7, nothing is fetched by it', async () => {
  for (const page of [Buffer.from('<html>sign in</html>'), Buffer.from([0xff, 0xfe, 0x00, 0xd8])]) {
    server.files.set(list, page)
    await assert.rejects(fetch(), fails(exitCodes.trust, /does not name k3s, images\.tar\.zst/))
    assert.deepEqual(there(), [])
  }
})

test('a mirror without the list: exit 3, unless every file is pinned', async () => {
  server.files.delete(list)
  await assert.rejects(fetch(), fails(exitCodes.preflight, /sha256sum-amd64\.txt .* no such file/))
  assert.equal(await fetch([fileOf('k3s', { pinned: sumOf(program) })]), false)
  assert.deepEqual(there(), ['k3s'])
})

test('a file that appears meanwhile is not replaced', async () => {
  server.fault = (_, response, content) => {
    if (content !== program) return false
    put('k3s', 'laid by hand')
    return response.writeHead(200).end(content) !== undefined
  }
  await fetch()
  assert.equal(readFileSync(join(folder, 'k3s'), 'utf8'), 'laid by hand')
  assert.deepEqual(there(), ['images.tar.zst', 'k3s', list])
})

test('a file that is not what it should be beyond its checksum is deleted', async () => {
  const require = () =>
    Promise.reject(new KitError('it is no program. No host was asked.', { exitCode: exitCodes.preflight }))
  await assert.rejects(fetch([fileOf('k3s', { require })]), /it is no program/)
  assert.deepEqual(there(), [list])
})

test('a folder that cannot be made: exit 12', async () => {
  writeFileSync(folder, 'a file in its place')
  await assert.rejects(
    fetch(),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.localDisk,
  )
  assert.deepEqual(server.asked, [])
})
