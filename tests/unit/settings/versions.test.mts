import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import { credentialsFolder } from '../../../lib/base/files.mts'
import { chooseImages, problemWithImage, readVersions } from '../../../lib/settings/versions.mts'

const digest = `sha256:${'a'.repeat(64)}`

for (const [image, problem] of [
  ['docker.n8n.io/n8nio/n8n:2.43.5', undefined],
  [`n8nio/n8n:latest@${digest}`, undefined],
  [`n8nio/n8n@${digest}`, undefined],
  ['registry.example.com:5000/n8n:2.43.5', undefined],
  ['n8nio/n8n:latest', /another image every week/],
  ['n8nio/n8n:stable', /another image every week/],
  ['n8nio/n8n', /neither tag nor digest/],
  ['registry.example.com:5000/n8n', /neither tag nor digest/],
  ['n8nio/n8n:1@sha256:short', /64 digits/],
  ['docker.io/bitnami/postgresql:16.4', /no longer maintained/],
] as const) {
  test(`${image} is ${problem === undefined ? 'accepted' : 'refused'}`, () => {
    const found = problemWithImage(image)
    if (problem === undefined) assert.equal(found, undefined)
    else assert.match(found ?? '', problem)
  })
}

test('every image the kit pins is one it would accept', () => {
  assert.ok(Object.keys(readVersions('no-such-environment').versions).length > 0)
})

test('a denied version is refused by name, of a binary as of an image', (context) => {
  const env = `denied-${process.pid}`
  const folder = credentialsFolder(env)
  context.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(folder, { recursive: true })
  for (const [entry, message] of [
    [{ version: '1.2.3' }, /^versions\.json: tool is 1\.2\.3: 1\.2\.\* loses data$/],
    [
      { version: '1.2.3', image: 'tool:1.2.3' },
      /^versions\.json: tool is tool:1\.2\.3: 1\.2\.\* loses data$/,
    ],
  ] as const) {
    const tool = { ...entry, denied: { '1.2.*': 'loses data' } }
    writeFileSync(join(folder, 'versions.json'), JSON.stringify({ tool }))
    assert.throws(() => readVersions(env), { exitCode: exitCodes.usage, message })
  }
  writeFileSync(
    join(folder, 'versions.json'),
    JSON.stringify({ tool: { version: '1.3.0', denied: { '1.2.*': 'loses data' } } }),
  )
  assert.equal(readVersions(env).versions['tool']?.version, '1.3.0')
})

test('install keeps what is installed and lists what is newer; upgrade takes it', () => {
  const versions = { n8n: { version: '2', image: 'n8n:2' } }
  const installed = { n8n: 'n8n:1' }
  assert.deepEqual(chooseImages(['n8n'], versions, installed, false), {
    images: { n8n: 'n8n:1' },
    newer: [{ name: 'n8n', from: 'n8n:1', to: 'n8n:2' }],
  })
  assert.deepEqual(chooseImages(['n8n'], versions, installed, true).images, { n8n: 'n8n:2' })
  assert.deepEqual(chooseImages(['n8n'], versions, {}, false), { images: { n8n: 'n8n:2' }, newer: [] })
  // An image that the nodes bring stays the one they had: what versions.json says is no news of it.
  assert.deepEqual(chooseImages(['n8n'], versions, installed, true, ['n8n']), {
    images: { n8n: 'n8n:1' },
    newer: [],
  })
  assert.deepEqual(chooseImages(['n8n'], versions, {}, true, ['n8n']).images, { n8n: 'n8n:2' })
  // What is not in use is neither installed nor kept.
  assert.deepEqual(chooseImages([], versions, installed, false), { images: {}, newer: [] })
})
