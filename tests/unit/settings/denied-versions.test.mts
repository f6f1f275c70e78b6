import assert from 'node:assert/strict'
import { test } from 'node:test'
import { denialOf } from '../../../lib/settings/denied-versions.mts'
import { describeImage, parseVersions, readVersions } from '../../../lib/settings/versions.mts'

const { litellm } = readVersions('no-such-environment').versions
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
  ['1.107.0', `${name}@sha256:${'a'.repeat(64)}`, /^1\.107\.\* /],
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
