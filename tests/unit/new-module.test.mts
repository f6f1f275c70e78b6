import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

// CONTRIBUTING.md, "A new module", followed to the letter in a copy of the kit.

const root = join(import.meta.dirname, '../..')
const kit = mkdtempSync(join(tmpdir(), 'keybuzz-new-module-'))
after(() => rmSync(kit, { recursive: true }))

const shebang = `#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'\n`

/** The code blocks of CONTRIBUTING.md whose first line names their file. */
const blocks = [
  ...readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').matchAll(/```\w+\n\/\/ (\S+)\n([\s\S]*?)```/g),
].map(([, path = '', text = '']) => ({ path, text }))

const textOf = (path: string): string => blocks.find((one) => one.path === path)?.text ?? ''

function makeKit(): void {
  for (const part of ['bin', 'lib', 'scripts', 'package.json', 'versions.json', 'tsconfig.json'])
    cpSync(join(root, part), join(kit, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(kit, 'node_modules'))
  for (const { path, text } of blocks.filter((one) => one.path.startsWith('scripts/20_echo/'))) {
    const isProgram = /\/20_echo_[^/]+$/.test(path)
    mkdirSync(join(kit, dirname(path)), { recursive: true })
    writeFileSync(join(kit, path), isProgram ? shebang + text : text)
    if (isProgram) chmodSync(join(kit, path), 0o755)
  }
  const table = join(kit, 'scripts/modules.mjs')
  writeFileSync(
    table,
    readFileSync(table, 'utf8').replace(/\n\]\n/, `\n  ${textOf('scripts/modules.mjs').trim()}\n]\n`),
  )
  const versions = join(kit, 'versions.json')
  const own = JSON.parse(`{${textOf('versions.json')}}`) as object
  const known = JSON.parse(readFileSync(versions, 'utf8')) as object
  writeFileSync(versions, JSON.stringify({ ...known, ...own }))
}

test('a module made from its description has the right types and runs its offline plan', () => {
  makeKit()
  const types = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--noEmit', '--project', kit], {
    encoding: 'utf8',
  })
  assert.equal(types.status, 0, types.stdout)
  const words = ['--env', 'dev', '--plan', '--offline', '--set', 'DOMAIN=dev.example.com']
  const program = join(kit, 'scripts/20_echo/20_echo_apply_all.mts')
  const plan = spawnSync(program, words, { encoding: 'utf8', cwd: kit })
  assert.equal(plan.status, 0, plan.stderr)
  const kinds = [...plan.stdout.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind)
  const wanted = [
    'Namespace',
    'Service',
    'Deployment',
    'HorizontalPodAutoscaler',
    'PodDisruptionBudget',
    'Ingress',
  ]
  assert.deepEqual(kinds, wanted)
  assert.match(plan.stdout, /host: echo\.dev\.example\.com/)
  assert.match(plan.stdout, /image: registry\.example\.com\/echo:1\.2\.0/)
})
