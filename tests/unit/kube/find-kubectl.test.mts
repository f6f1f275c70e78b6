import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { exitCodes, KitError, type ExitCode } from '../../../lib/base/errors.mts'
import { root } from '../../../lib/base/files.mts'
import { run } from '../../../lib/base/command.mts'
import { findKubectl } from '../../../lib/kube/find-kubectl.mts'

const folder = mkdtempSync(join(tmpdir(), 'keybuzz-kubectl-'))
after(() => rmSync(folder, { recursive: true }))
const [file, trace] = [join(folder, 'k3s'), join(folder, 'trace')]
const text = `#!/bin/sh\necho started >'${trace}'\n`
const sha256 = createHash('sha256').update(text).digest('hex')

beforeEach(() => {
  delete process.env['KEYBUZZ_KUBECTL']
  rmSync(trace, { force: true })
  writeFileSync(file, text)
  chmodSync(file, 0o755)
})

const versionsWith = (more: object) => ({ k3s: { version: 'v1.36.5+k3s1', file, sha256, ...more } })
const fails = (exitCode: ExitCode, message: RegExp) => (thrown: unknown) =>
  thrown instanceof KitError && thrown.exitCode === exitCode && message.test(thrown.message)

for (const [what, content, more, exitCode, message] of [
  ['another program', `${text}# changed\n`, {}, exitCodes.trust, /is not the file versions\.json names/],
  [
    'a program without a checksum',
    text,
    { sha256: undefined },
    exitCodes.trust,
    /k3s has a file and no checksum/,
  ],
  ['no program', undefined, {}, exitCodes.preflight, /cannot read/],
] as const) {
  test(`${what} where versions.json names the K3s binary is not started: exit ${exitCode}`, async () => {
    if (content === undefined) rmSync(file)
    else writeFileSync(file, content)
    await assert.rejects(
      findKubectl(versionsWith(more)).then(({ words }) => run(words)),
      fails(exitCode, message),
    )
    assert.equal(existsSync(trace), false)
  })
}

test('a folder in the place of the K3s binary is told as that: exit 3', async () => {
  rmSync(file)
  mkdirSync(file)
  try {
    await assert.rejects(findKubectl(versionsWith({})), fails(exitCodes.preflight, /cannot read/))
  } finally {
    rmSync(file, { recursive: true })
  }
})

test('a program as downloaded, mode 0644, is started all the same once its checksum is right', async () => {
  chmodSync(file, 0o644)
  const { words } = await findKubectl(versionsWith({}))
  assert.equal((await run(words)).code, 0)
  assert.equal(existsSync(trace), true)
})

test('its checksum may be in the list its publisher gives with it; another one there stops it', async () => {
  const list = join(folder, 'sha256sum-amd64.txt')
  try {
    writeFileSync(list, `${'0'.repeat(64)}  k3s-arm64\n${sha256} *k3s\n`)
    assert.deepEqual((await findKubectl(versionsWith({ sha256: undefined }))).words, [file, 'kubectl'])
    writeFileSync(list, `${'0'.repeat(64)}  k3s\n`)
    await assert.rejects(
      findKubectl(versionsWith({ sha256: undefined })),
      fails(exitCodes.trust, /is not the file versions\.json names/),
    )
  } finally {
    rmSync(list)
  }
})

test('one that lies beside the kit is compared with the cluster: nobody named it for this environment', async () => {
  assert.equal((await findKubectl(versionsWith({ places: [file] }))).unproven, true)
})

test('a program for another processor is not started: the kubectl on PATH is', async () => {
  const { PATH } = process.env
  const program = readFileSync('/bin/true')
  program.writeUInt16LE(program.readUInt16LE(18) === 183 ? 62 : 183, 18)
  writeFileSync(file, program)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'kubectl'), '#!/bin/sh\n# Stand-in of kubectl.\n', { mode: 0o755 })
  process.env['PATH'] = `${bin}:${PATH}`
  try {
    const found = await findKubectl(versionsWith({}))
    assert.deepEqual([found.words, found.unproven], [[join(bin, 'kubectl')], true])
  } finally {
    process.env['PATH'] = PATH
  }
})

test('the K3s binary is found from the kit’s root, whatever the current folder is', async () => {
  const before = process.cwd()
  process.chdir(tmpdir())
  try {
    const { words, unproven } = await findKubectl(versionsWith({ file: relative(root, file) }))
    assert.deepEqual([words, unproven], [[file, 'kubectl'], false])
    process.env['KEYBUZZ_KUBECTL'] = relative(root, file)
    assert.deepEqual((await findKubectl({})).words, [file])
    process.env['KEYBUZZ_KUBECTL'] = ''
    assert.deepEqual((await findKubectl(versionsWith({}))).words, [file, 'kubectl'], 'empty is unset')
  } finally {
    process.chdir(before)
    delete process.env['KEYBUZZ_KUBECTL']
  }
})
