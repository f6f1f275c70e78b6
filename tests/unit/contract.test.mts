import assert from 'node:assert/strict'
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { modules } from '../../scripts/modules.mjs'

// The skeleton every module folder obeys, and who may import what.
const root = join(import.meta.dirname, '../..')
const shebang = `#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'`
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')
const folders = readdirSync(join(root, 'scripts'), { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
)

test('the table of modules and the folders are the same list', () => {
  const named = modules.map(({ number, slug }) => `${String(number).padStart(2, '0')}_${slug}`)
  assert.deepEqual(folders.toSorted(), named.toSorted())
})

for (const folder of folders) {
  const files = readdirSync(join(root, 'scripts', folder))
  const programs = files.filter((file) => file.startsWith(folder))

  test(`${folder}: has its data, its checks and its list of steps`, () => {
    for (const file of ['module.mts', 'checks.mts', `${folder}_apply_all.mts`])
      assert.ok(files.includes(file), file)
  })

  test(`${folder}: every program is executable and begins alike`, () => {
    for (const file of programs) {
      assert.equal(read('scripts', folder, file).split('\n')[0], shebang, file)
      accessSync(join(root, 'scripts', folder, file), constants.X_OK)
    }
  })

  test(`${folder}: apply_all lists exactly the steps there are, in their order`, () => {
    const imported = [
      ...read('scripts', folder, `${folder}_apply_all.mts`).matchAll(/from '\.\/(.*)\.mts'/g),
    ].map(([, name]) => name)
    const steps = programs
      .filter((file) => /_\d\d_/.test(file.slice(2)))
      .map((file) => file.replace('.mts', ''))
    assert.deepEqual(
      imported.filter((name) => name?.startsWith(folder)),
      steps.toSorted(),
    )
  })

  test(`${folder}: a step is short`, () => {
    for (const file of programs) assert.ok(read('scripts', folder, file).split('\n').length <= 60, file)
  })
}

const sources = ['lib', 'scripts', ...folders.map((folder) => `scripts/${folder}`)].flatMap((folder) =>
  readdirSync(join(root, folder)).flatMap((file) => (/\.m[tj]s$/.test(file) ? [`${folder}/${file}`] : [])),
)

for (const [library, ...homes] of [
  ['zx', 'lib/sh.mts'],
  ['@clack/prompts', 'lib/prompt.mts'],
  ['pg', 'lib/postgres-login.mts'],
  ['@redis/client', 'lib/redis.mts'],
  ['dotenv', 'lib/env-file.mts'],
] as const) {
  test(`only ${homes.join(' and ')} imports ${library}`, () => {
    const importers = sources.filter((file) =>
      new RegExp(`(from|import\\() ?'${library}['/]`).test(read(file)),
    )
    assert.deepEqual(importers, homes)
  })
}

test('lib knows no module by name, and nobody knows the practice platform', () => {
  for (const file of sources) {
    assert.ok(!/practice/i.test(read(file)), file)
    if (file.startsWith('lib/')) assert.ok(!/module\.(name|slug) ===/.test(read(file)), file)
  }
})

test('process.exit stands nowhere but where a second Ctrl-C ends at once', () => {
  assert.deepEqual(
    sources.filter((file) => /process\.exit\(/.test(read(file))),
    ['lib/interrupt.mts'],
  )
})

test('files of the operator are written by one function, which leaves the old one whole; logs by another', () => {
  const writing =
    /\b(writeFile|writeFileSync|appendFile|appendFileSync|openSync|renameSync|createWriteStream)\b/
  assert.deepEqual(
    sources.filter((file) => writing.test(read(file))),
    ['lib/file.mts', 'lib/log.mts'],
  )
})

test('a file has one job: none of lib is over 200 lines', () => {
  for (const file of sources.filter((one) => one.startsWith('lib/')))
    assert.ok(read(file).split('\n').length <= 201, file)
})

test('CONTRIBUTING.md has every file of lib, once', () => {
  const [, table = ''] = /## lib\/[\s\S]*?\n\n([\s\S]*?)\n\n/.exec(read('CONTRIBUTING.md')) ?? []
  const named = table
    .split('\n')
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name))
  const files = sources.flatMap((file) => /^lib\/(.*)\.m[tj]s$/.exec(file)?.[1] ?? [])
  const byText = (a = '', b = ''): number => a.localeCompare(b)
  assert.deepEqual(named.toSorted(byText), files.toSorted(byText))
})
