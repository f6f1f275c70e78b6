import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { elfMachine, thisProcessor } from '../../../../lib/base/elf.mts'
import { exitCodes, KitError, type ExitCode } from '../../../../lib/base/errors.mts'
import { requireRelease } from '../../../../scripts/09_k3s/nodes/release.mts'

// Files of a release as an operator has them after the download. The program is a real one, of this machine and of
// another processor by its header; it is not K3s.

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-release-'))
after(() => rmSync(folder, { recursive: true }))
const here = thisProcessor()
const other = here === 'x86_64' ? 'aarch64' : 'x86_64'
const [program, images] = [join(folder, 'k3s'), join(folder, 'images.tar.zst')]
const foreign = readFileSync('/bin/true')
foreign.writeUInt16LE(other === 'aarch64' ? 183 : 62, 18)
const sum = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')
const list = (...files: readonly (readonly [name: string, content: Buffer | string])[]) =>
  writeFileSync(
    join(folder, 'sha256sum-amd64.txt'),
    files.map(([name, content]) => `${sum(content)}  ${name}\n`).join(''),
  )

beforeEach(() => {
  writeFileSync(program, foreign, { mode: 0o644 })
  writeFileSync(images, 'images')
  list(['k3s', foreign], ['images.tar.zst', 'images'])
})

const versions = (more: object = {}) => ({
  k3s: { version: 'v1.36.5+k3s1', file: program },
  'k3s-images': { version: 'v1.36.5+k3s1', file: images },
  ...more,
})
const fails = (exitCode: ExitCode, message: RegExp) => (thrown: unknown) =>
  thrown instanceof KitError && thrown.exitCode === exitCode && message.test(thrown.message)

test('files as downloaded, with the list of checksums beside them, are right, for whichever processor', async () => {
  assert.equal(await requireRelease(versions(), 'staging', true), other)
  assert.equal(await elfMachine(process.execPath), here)
})

for (const [what, spoil, exitCode, message] of [
  [
    'a program that was cut',
    () => writeFileSync(program, foreign.subarray(0, 4000)),
    exitCodes.trust,
    /k3s is not the file/,
  ],
  [
    'images that were altered',
    () => writeFileSync(images, 'imagez'),
    exitCodes.trust,
    /images\.tar\.zst is not the file/,
  ],
  [
    'files without any checksum',
    () => rmSync(join(folder, 'sha256sum-amd64.txt')),
    exitCodes.trust,
    /no checksum/,
  ],
  ['a program that is missing', () => rmSync(program), exitCodes.preflight, /cannot read/],
  [
    'a page of an error in the place of the program',
    () => {
      const page = '<html>404</html>'.repeat(10)
      writeFileSync(program, page)
      list(['k3s', page], ['images.tar.zst', 'images'])
    },
    exitCodes.preflight,
    /is no program/,
  ],
] as const) {
  test(`${what}: told before any host is asked, exit ${exitCode}`, async () => {
    spoil()
    await assert.rejects(requireRelease(versions(), 'staging', true), fails(exitCode, message))
  })
}

test('images of another processor than the program’s are told by their name, also later', async () => {
  const file = join(folder, `k3s-airgap-images-${other === 'aarch64' ? 'amd64' : 'arm64'}.tar.zst`)
  writeFileSync(file, 'images')
  list(['k3s', foreign], [file.slice(folder.length + 1), 'images'])
  const given = versions({ 'k3s-images': { version: 'v1.36.5+k3s1', file } })
  for (const isNew of [true, false])
    await assert.rejects(
      requireRelease(given, 'staging', isNew),
      fails(exitCodes.preflight, /holds images for/),
    )
})

test('images of another version than the program’s are told', async () => {
  const given = versions({ 'k3s-images': { version: 'v1.36.3+k3s1', file: images } })
  await assert.rejects(
    requireRelease(given, 'staging', true),
    fails(exitCodes.preflight, /K3s v1\.36\.5\+k3s1 and images of v1\.36\.3\+k3s1/),
  )
})

test('a program that tells another version than versions.json names is told; it is made executable for that', async () => {
  const own = readFileSync('/bin/echo')
  writeFileSync(program, own)
  chmodSync(program, 0o644)
  list(['k3s', own], ['images.tar.zst', 'images'])
  await assert.rejects(
    requireRelease(versions(), 'staging', true),
    fails(exitCodes.preflight, /k3s is not K3s, versions\.json names v1\.36\.5\+k3s1/),
  )
  assert.equal(statSync(program).mode & 0o777, 0o755)
})

test('once the cluster is there, checksums are compared when a file is sent: a run of every day reads headers only', async () => {
  writeFileSync(images, 'imagez')
  assert.equal(await requireRelease(versions(), 'staging', false), other)
})
