import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { thisProcessor } from '../../../../lib/base/elf.mts'
import { exitCodes, KitError, NotYet, type ExitCode } from '../../../../lib/base/errors.mts'
import { credentialsFolder } from '../../../../lib/base/files.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import { located } from '../../../../lib/settings/release-files.mts'
import { trustedFiles } from '../../../../lib/settings/trusted-files.mts'
import type { Versions } from '../../../../lib/settings/versions.mts'
import { tellMissing } from '../../../../lib/verbs/plan-offline.mts'
import prepare from '../../../../scripts/09_k3s/09_k3s_01_prepare.mts'
import { artifactsOf } from '../../../../scripts/09_k3s/nodes/install.mts'
import { requireSameVersion } from '../../../../scripts/09_k3s/nodes/release.mts'
import { provideRelease } from '../../../../scripts/09_k3s/nodes/provide-release.mts'
import { findMissing } from '../../../../scripts/09_k3s/nodes/release-source.mts'
import { release } from '../../../../scripts/09_k3s/settings-release.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'
import { startRelease, sumOf } from '../../base/release-server.mts'
import { freePort } from '../../free-port.mts'
import { settings as staging } from './staging.mts'

// K3s' files come from a mirror on loopback. The programs are real ones by their headers, of this machine and of another
// processor; they are not K3s.

const above = mkdtempSync(join(tmpdir(), 'keybuzz-provide-'))
const folder = join(above, 'artifacts')
const env = `provide-${process.pid}`
const mirror = await startRelease()
const forget = () => rmSync(credentialsFolder(env), { recursive: true, force: true })
after(() => {
  mirror.close()
  rmSync(above, { recursive: true })
})
afterEach(forget)

const here = thisProcessor()
const other = here === 'x86_64' ? 'aarch64' : 'x86_64'
const archOf = (processor: string): 'amd64' | 'arm64' => (processor === 'x86_64' ? 'amd64' : 'arm64')
const own = readFileSync('/bin/echo')
const foreign = Buffer.from(own)
foreign.writeUInt16LE(other === 'aarch64' ? 183 : 62, 18)
const namesOf = (arch: string) => ({
  program: arch === 'amd64' ? 'k3s' : 'k3s-arm64',
  images: `k3s-airgap-images-${arch}.tar.zst`,
  list: `sha256sum-${arch}.txt`,
})
const [ours, theirs] = [namesOf(archOf(here)), namesOf(archOf(other))]

function publish(arch: string, program: Buffer): void {
  const names = namesOf(arch)
  const images = Buffer.from(`images ${arch}`)
  mirror.files.set(names.program, program).set(names.images, images)
  mirror.files.set(
    names.list,
    Buffer.from(`${sumOf(program)}  ${names.program}\n${sumOf(images)}  ${names.images}\n`),
  )
}

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true })
  mirror.asked.length = 0
  mirror.files.clear()
  publish(archOf(here), own)
  publish(archOf(other), foreign)
})

const version = 'v1.36.5+k3s1'
const versions = (more: object = {}): Versions => ({
  k3s: located({ version, places: [join(folder, 'k3s'), join(folder, 'k3s-arm64')], ...more }),
  'k3s-images': located({
    version,
    places: ['amd64', 'arm64'].map((arch) => join(folder, `k3s-airgap-images-${arch}.tar.zst`)),
    ...more,
  }),
})
const lay = (name: string, content: Buffer | string) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, name), content)
}
const there = () => (existsSync(folder) ? readdirSync(folder).toSorted() : [])
const settings = { ...staging, ENV: env, ARTIFACTS_URL: mirror.base.href } as K3sSettings
const gate = (planning: boolean) => createWrites({ planning, guard: () => Promise.resolve() })
const provide = (more: Partial<K3sSettings> = {}, given = versions(), writes = gate(false)) =>
  provideRelease({ versions: given, settings: { ...settings, ...more }, writes, isNew: true })
const fails = (exitCode: ExitCode, message: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError, String(thrown))
  assert.equal(thrown.exitCode, exitCode, thrown.message)
  assert.match(thrown.message, message)
  assert.match(`${thrown.details.join('\n')}`, /[Nn]o host was asked/)
  return true
}

test('nothing lies there: list, program and images of HOSTS_ARCH are fetched; what was trusted is recorded', async () => {
  const given = versions()
  assert.throws(() => artifactsOf(given), NotYet)
  assert.equal(await provide({ HOSTS_ARCH: archOf(other) }, given), other)
  assert.deepEqual(mirror.asked, [theirs.list, theirs.program, theirs.images])
  assert.deepEqual(
    artifactsOf(given).map(({ file }) => file),
    [theirs.program, theirs.images].map((name) => join(folder, name)),
    'later steps of the same run find them',
  )
  const known = `release checksum file fetched from ${mirror.base.host}`
  assert.deepEqual(trustedFiles(env), [
    { file: join(folder, theirs.program), sha256: sumOf(foreign), known },
    { file: join(folder, theirs.images), sha256: sumOf(`images ${archOf(other)}`), known },
  ])
  mirror.asked.length = 0
  assert.equal(await provide({ HOSTS_ARCH: archOf(other) }, given), other)
  assert.deepEqual(mirror.asked, [], 'a second run fetches nothing')
  assert.equal(trustedFiles(env)[0]?.known, known)
})

test('what lies there stays, and decides for which processor the rest is fetched', async () => {
  lay(theirs.program, foreign)
  assert.equal(await provide(), other)
  assert.deepEqual(mirror.asked, [theirs.list, theirs.images])
  rmSync(join(folder, theirs.program))
  mirror.asked.length = 0
  assert.equal(await provide(), other)
  assert.deepEqual(mirror.asked, [theirs.program])
})

test('without a word it is fetched for the processor of this machine', async () => {
  const missing = await findMissing(versions(), { ARTIFACTS_URL: undefined, HOSTS_ARCH: undefined }, true)
  assert.deepEqual(
    missing?.files.map(({ path }) => path),
    [ours.program, ours.images].map((name) => join(folder, name)),
  )
  assert.equal(missing?.base.href, 'https://github.com/k3s-io/k3s/releases/download/v1.36.5%2Bk3s1/')
})

test('files that lie there are proven as before, and how they were known is recorded', async () => {
  lay(theirs.program, foreign)
  lay(theirs.images, 'images')
  lay(theirs.list, `${sumOf(foreign)}  ${theirs.program}\n${sumOf('images')}  ${theirs.images}\n`)
  assert.equal(await provide(), other)
  assert.deepEqual(mirror.asked, [])
  assert.deepEqual(
    trustedFiles(env).map(({ known }) => known),
    ['checksum file beside it', 'checksum file beside it'],
  )
})

test('on a cluster that is there a checksum that was never trusted is compared before it is recorded, and only then', async () => {
  lay(theirs.program, foreign)
  lay(theirs.images, 'imagez')
  lay(theirs.list, `${sumOf(foreign)}  ${theirs.program}\n${sumOf('images')}  ${theirs.images}\n`)
  const run = () => provideRelease({ versions: versions(), settings, writes: gate(false), isNew: false })
  await assert.rejects(run(), { exitCode: exitCodes.trust, message: /is not the file versions\.json names/ })
  assert.deepEqual(trustedFiles(env), [])
  lay(theirs.images, 'images')
  assert.equal(await run(), other)
  assert.equal(trustedFiles(env).length, 2)
  lay(theirs.images, 'imagez')
  assert.equal(await run(), other)
})

test('a file that versions.json names itself is never fetched', async () => {
  const given = { k3s: { version, file: join(folder, 'k3s'), sha256: sumOf(own) } }
  await assert.rejects(provide({}, given), { exitCode: exitCodes.preflight, message: /cannot read/ })
  assert.deepEqual(mirror.asked, [])
})

test('--plan fetches nothing and says what would be; the processor is known all the same', async () => {
  const writes = gate(true)
  assert.equal(await provide({ HOSTS_ARCH: archOf(other) }, versions(), writes), other)
  assert.deepEqual(
    writes.changes.map(({ what }) => what),
    [theirs.program, theirs.images].map(
      (name) => `${join(folder, name)} of this machine, fetched from ${mirror.base.href}`,
    ),
  )
  assert.deepEqual([mirror.asked, there(), trustedFiles(env)], [[], [], []])
})

test('no network: exit 6 before a host is asked, with what to do', async () => {
  const ARTIFACTS_URL = `http://127.0.0.1:${await freePort()}/`
  await assert.rejects(provide({ ARTIFACTS_URL }), (thrown: unknown) => {
    fails(exitCodes.unreachable, /cannot fetch .*: connection refused/)(thrown)
    const { hint = '' } = thrown as KitError
    assert.ok(
      hint.includes(`or put ${ours.program}, ${ours.images}, ${ours.list} of K3s ${version} into`),
      hint,
    )
    return true
  })
  assert.deepEqual([there(), trustedFiles(env)], [[], []])
})

test('the step that prepares the hosts asks none of them before the files are there', async () => {
  const ARTIFACTS_URL = `http://127.0.0.1:${await freePort()}/`
  const context = {
    settings: { ...settings, ARTIFACTS_URL },
    versions: versions(),
    writes: gate(false),
    cluster: { known: false },
    hosts: () => assert.fail('a host was asked'),
  }
  await assert.rejects(
    prepare.run(context as unknown as Parameters<typeof prepare.run>[0]),
    fails(exitCodes.unreachable, /connection refused/),
  )
})

test('--plan --offline says what is missing and where to put it, and asks nobody', async () => {
  const lines: string[] = []
  const written = process.stderr.write.bind(process.stderr)
  process.stderr.write = (text: string | Uint8Array) => lines.push(String(text)) > 0
  try {
    tellMissing(versions())
  } finally {
    process.stderr.write = written
  }
  const text = lines.join('')
  for (const name of [ours.program, theirs.program, ours.images, theirs.images])
    assert.ok(text.includes(name), text)
  assert.deepEqual(mirror.asked, [])
  lay(ours.program, own)
  lay(ours.images, 'images')
  lines.length = 0
  tellMissing(versions())
  assert.deepEqual(lines, [])
})

test('a program for another processor than its name says: exit 3, it is deleted', async () => {
  publish(archOf(here), foreign)
  await assert.rejects(
    provide({ HOSTS_ARCH: archOf(here) }),
    fails(exitCodes.preflight, new RegExp(`is for ${other}, wanted is ${here}`)),
  )
  assert.deepEqual(there(), [ours.list])
})

test('a program of another version than versions.json names: exit 3, with the command that makes room for it', async () => {
  await assert.rejects(provide(), (thrown: unknown) => {
    fails(exitCodes.preflight, /is not K3s, versions\.json names v1\.36\.5\+k3s1/)(thrown)
    const files = [ours.program, ours.images, ours.list].map((name) => join(folder, name))
    const { hint = '' } = thrown as KitError
    assert.match(hint, /^rm /)
    for (const file of files) assert.ok(hint.includes(file), hint)
    return true
  })
  assert.deepEqual(trustedFiles(env), [])
})

test('HOSTS_ARCH and what lies there disagree: exit 3 naming every such file, nothing is fetched', async () => {
  for (const files of [[theirs.program], [theirs.images], [theirs.program, theirs.images]]) {
    rmSync(folder, { recursive: true, force: true })
    for (const name of files) lay(name, foreign)
    await assert.rejects(provide({ HOSTS_ARCH: archOf(here) }), (thrown: unknown) => {
      fails(exitCodes.preflight, new RegExp(`is for ${archOf(other)}, HOSTS_ARCH is ${archOf(here)}`))(thrown)
      const named = files.map((name) => join(folder, name)).join(' ')
      assert.ok((thrown as KitError).hint?.startsWith(`rm ${named}   then`), (thrown as KitError).hint)
      return true
    })
  }
  assert.deepEqual(mirror.asked, [])
})

test('a known cluster has its images: without them here nothing is fetched', async () => {
  lay(ours.program, own)
  lay(ours.list, `${sumOf(own)}  ${ours.program}\n`)
  const writes = gate(false)
  assert.equal(await provideRelease({ versions: versions(), settings, writes, isNew: false }), here)
  assert.deepEqual([mirror.asked, there()], [[], [ours.program, ours.list].toSorted()])
})

test('a program of the operator’s own, of another version and without images, is not held against images that are not there', () => {
  lay(ours.program, own)
  const given = { ...versions(), k3s: located({ version: 'v1.36.3+k3s1', file: join(folder, ours.program) }) }
  assert.doesNotThrow(() => requireSameVersion(given, env))
  assert.throws(() =>
    requireSameVersion({ ...given, k3s: located({ version: 'v1.36.3+k3s1', places: [] }) }, env),
  )
})

test('images of another version than the program’s are told before anything is fetched: exit 3', async () => {
  const { k3s, 'k3s-images': images } = versions()
  const given = {
    ...(k3s && { k3s }),
    ...(images && { 'k3s-images': { ...images, version: 'v1.36.3+k3s1' } }),
  }
  await assert.rejects(provide({}, given), fails(exitCodes.preflight, /names K3s .* and images of v1\.36\.3/))
  assert.deepEqual(mirror.asked, [])
})

test('STRICT_VERSIONS refuses what versions.json does not pin, before anything is fetched; what it pins is fetched', async () => {
  await assert.rejects(
    provide({ STRICT_VERSIONS: true }),
    fails(exitCodes.trust, /no sha256 of k3s, k3s-images/),
  )
  assert.deepEqual(mirror.asked, [])
  const all = versions()
  const given = {
    k3s: located({ version, places: all['k3s']?.places ?? [], sha256: sumOf(foreign) }),
    'k3s-images': located({
      version,
      places: all['k3s-images']?.places ?? [],
      sha256: sumOf(`images ${archOf(other)}`),
    }),
  }
  assert.equal(await provide({ STRICT_VERSIONS: true, HOSTS_ARCH: archOf(other) }, given), other)
  assert.deepEqual(
    trustedFiles(env).map(({ known }) => known),
    ['pinned in versions.json', 'pinned in versions.json'],
  )
})

test('the chart of the monitoring is recorded beside them, and pinned as strictly; where it is off it does not count', async () => {
  const file = join(folder, 'kube-prometheus-stack-1.0.0.tgz')
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, 'a chart')
  const chart = (more: object) => ({ 'kube-prometheus-stack': { version: '1.0.0', chart: file, ...more } })
  const given = { ...versions(), ...chart({ sha256: sumOf('a chart') }) }
  await provide({ HOSTS_ARCH: archOf(other) }, given)
  assert.equal(trustedFiles(env).length, 2)
  await provide({ HOSTS_ARCH: archOf(other), MONITORING: true }, given)
  assert.deepEqual(trustedFiles(env)[2], {
    file,
    sha256: sumOf('a chart'),
    known: 'pinned in versions.json',
  })
  // Nothing of it is for a host.
  assert.equal(artifactsOf(given).length, 2)
  const pinned = Object.fromEntries(
    Object.entries(versions()).map(([name, { version, places = [] }]) => [
      name,
      { version, places, sha256: '0'.repeat(64) },
    ]),
  )
  await assert.rejects(
    provide({ STRICT_VERSIONS: true, MONITORING: true }, { ...pinned, ...chart({}) }),
    fails(exitCodes.trust, /no sha256 of kube-prometheus-stack$/),
  )
})

const [artifactsUrl] = release
for (const [value, message] of [
  ['https://mirror.example.com/k3s/v1.36.5+k3s1/', undefined],
  ['http://127.0.0.1:8080/k3s', undefined],
  ['http://mirror.example.com/k3s', /must begin with https/],
  ['https://kit:planted@mirror.example.com/', /must not hold an account/],
  ['https://mirror.example.com/k3s?token=1', /must be an address/],
  ['mirror.example.com', /must be an address/],
  ['file:///srv/k3s', /must begin with https/],
] as const) {
  test(`ARTIFACTS_URL=${value} is ${message === undefined ? 'taken' : 'refused'}`, () => {
    const problem = artifactsUrl.validate(value)
    if (message === undefined) assert.equal(problem, undefined)
    else assert.match(problem ?? '', message)
  })
}
