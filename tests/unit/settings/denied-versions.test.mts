import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { denialOf, denialOfImage, untoldOf, untoldOfImage } from '../../../lib/settings/denied-versions.mts'
import { describeImage, parseVersions, readVersions } from '../../../lib/settings/versions.mts'

const { versions } = readVersions('no-such-environment')
const { litellm } = versions
const denied = litellm?.denied ?? {}
const name = 'ghcr.io/berriai/litellm-non_root'

for (const [version, image, reason] of [
  ['1.108.14', `${name}:v1.108.14`, undefined],
  ['1.101.1', `${name}:v1.101.1`, undefined],
  ['1.107.0', `${name}:v1.107.0`, /intruder in October 2026: replace every key it saw/],
  ['1.107.3', `${name}:v1.107.3-stable`, /^1\.107\.\* was published by an intruder/],
  ['1.82.7', `${name}:main-v1.82.7`, /^1\.82\.7 was published by an intruder in March/],
  ['1.82.8', `${name}:v1.82.8`, /^1\.82\.8 was published by an intruder/],
  ['1.101.0', `${name}:v1.101.0`, /^<1\.101\.1 has holes/],
  ['1.9.0', `${name}:1.9.0`, /^<1\.101\.1 has holes/],
  ['1.108.14', `${name}:main-stable`, /^main-stable /],
  // The tag is what pods start, the version what the operator believes.
  ['1.108.14', `${name}:v1.107.0`, /^1\.107\.\* /],
  // A digest alone tells no version: the entry does.
  ['1.107.0', `${name}@sha256:${'a'.repeat(64)}`, /^1\.107\.\* /],
  ['1.108.14', `${name}@sha256:${'a'.repeat(64)}`, undefined],
  ['1.108.14', `${name}:v1.108.14@sha256:${'a'.repeat(64)}`, undefined],
  ['1.108.14', 'registry.example.com:5000/litellm:v1.108.14', undefined],
] as const)
  test(`LiteLLM ${version} as ${image.slice(0, 60)} is ${reason === undefined ? 'installed' : 'refused by name'}`, () => {
    const found = denialOf(denied, version, image)
    if (reason === undefined) assert.equal(found, undefined)
    else assert.match(found ?? '', reason)
  })

test('the table says how its publisher signs it, and refuses another word for it', () => {
  assert.equal(litellm?.signature, 'keyless')
  assert.throws(
    () => parseVersions('versions.json', '{"a":{"version":"1","signature":"paper"}}'),
    /a\.signature must be one of key, keyless/,
  )
})

test('a report names it for the pinned image, and for no other', () => {
  const versions = { a: { version: '1', image: 'a:1', signature: 'keyless' as const } }
  assert.deepEqual(describeImage('a', 'a:1', versions), { name: 'a', image: 'a:1', signature: 'keyless' })
  assert.deepEqual(describeImage('a', 'a:0', versions), { name: 'a', image: 'a:0' })
})

for (const [image, reason] of [
  ['docker.io/litellm/litellm:v1.107.0', /^1\.107\.\* was published by an intruder/],
  [
    'registry.example.com:5000/mirror/litellm-database:main-v1.82.7',
    /^1\.82\.7 was published by an intruder/,
  ],
  [`${name}:v1.107.2@sha256:${'a'.repeat(64)}`, /^1\.107\.\* /],
  [`ghcr.io/berriai/litellm:main-stable`, /^main-stable is another image every week/],
  ['ghcr.io/berriai/litellm:v1.108.14', undefined],
  ['registry.example.com:5000/berriai/litellm-non_root:v1.100.0', /^<1\.101\.1 has holes/],
  // Somebody's own program of that name, which counts from another start.
  ['registry.example.com/own/litellm:0.3.1', undefined],
  // A digest alone tells no version, see below; another program has versions of its own.
  [`ghcr.io/berriai/litellm@sha256:${'a'.repeat(64)}`, undefined],
  ['registry.example.com/embedder:1.82.7', undefined],
  ['registry.example.com/litellm-exporter:0.3.0', undefined],
  ['registry.example.com:1107/litellm/embedder:1.107.0', undefined],
] as const)
  test(`an image from anywhere, ${image.slice(0, 70)}, ${reason === undefined ? 'may run' : 'is refused by name'}`, () => {
    const found = denialOfImage(versions, image)
    if (reason === undefined) assert.equal(found, undefined)
    else assert.match(found ?? '', reason)
  })

const digest = `@sha256:${'a'.repeat(64)}`
const ofLitellm = 'a digest alone tells no version, and some versions of litellm must never run'
for (const [image, reason] of [
  [`ghcr.io/berriai/litellm-non_root${digest}`, ofLitellm],
  [`registry.example.com:5000/mirror/litellm-database${digest}`, ofLitellm],
  [`${name}:v1.108.14${digest}`, undefined],
  [`${name}:v1.108.14`, undefined],
  // Nothing of these is denied.
  [`docker.io/qdrant/qdrant${digest}`, undefined],
  [`registry.example.com/embedder${digest}`, undefined],
] as const)
  test(`whether ${image.slice(0, 70)} may run is ${reason === undefined ? 'told' : 'not told'}`, () =>
    assert.equal(untoldOfImage(versions, image), reason))

test('what versions.json pins by its digest alone has the version there; an earlier digest of it has none', () => {
  const pinned = `registry.example.com/proxy${digest}`
  const entry = { version: '1.108.14', image: pinned, denied }
  const earlier = pinned.replaceAll('a'.repeat(64), 'b'.repeat(64))
  assert.equal(untoldOfImage({ litellm: entry }, pinned), undefined)
  assert.equal(untoldOfImage({ litellm: entry }, earlier), ofLitellm)
  assert.equal(untoldOf('litellm', entry, pinned), undefined)
  assert.equal(untoldOf('litellm', entry, `registry.example.com/another-name${digest}`), ofLitellm)
  assert.equal(untoldOf('qdrant', { image: 'qdrant:1' }, `qdrant${digest}`), undefined)
})

test('an environment with an image of its own has every version the kit denies, and those it adds', (context) => {
  const env = `denying-${process.pid}`
  const folder = credentialsFolder(env)
  context.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(folder, { recursive: true })
  const own = {
    version: '1.108.14',
    image: 'registry.example.com/proxy:1.108.14',
    denied: { '1.109.*': 'is slow' },
  }
  writeFileSync(join(folder, 'versions.json'), JSON.stringify({ litellm: own }))
  const found = readVersions(env).versions
  for (const image of ['registry.example.com/proxy:1.107.0', `${name}:v1.107.0`, 'litellm/litellm:v1.107.0'])
    assert.match(denialOfImage(found, image) ?? '', /^1\.107\.\* was published by an intruder/, image)
  assert.equal(denialOfImage(found, 'registry.example.com/proxy:1.109.1'), '1.109.* is slow')
})
