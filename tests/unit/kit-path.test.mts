import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

// The kit in a folder whose name has signs with a meaning in an address.

const root = join(import.meta.dirname, '../..')
const above = mkdtempSync(join(tmpdir(), 'keybuzz-path-'))
after(() => rmSync(above, { recursive: true }))

const needsTsx = !('typescript' in process.features) || process.features.typescript === false

/** A copy of the kit in a folder of this name. */
function copyOf(name: string): string {
  const kit = join(above, name)
  mkdirSync(kit)
  for (const part of ['bin', 'lib', 'scripts', 'package.json', 'versions.json', '00_master_install.mjs'])
    cpSync(join(root, part), join(kit, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(kit, 'node_modules'))
  return kit
}

/** Runs a program of the kit and returns its exit code and its output. */
function run(kit: string, program: string, ...words: string[]): [code: number | null, output: string] {
  const { status, stdout, stderr } = spawnSync(join(kit, program), words, {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return [status, `${stdout}${stderr}`]
}

test('the master, a module and a step start in a folder with #, % and blanks in its name', () => {
  const kit = copyOf('kit #2 100%41')
  const offline = ['--env', 'dev', '--plan', '--offline', '--set', 'DOMAIN=dev.example.com']
  const folder = 'scripts/12_n8n'
  for (const program of [`${folder}/12_n8n_apply_all.mts`, `${folder}/12_n8n_01_deploy.mts`]) {
    const [code, output] = run(kit, program, ...offline, '--set', 'N8N_OWNER_EMAIL=ops@example.com')
    assert.ok(code === 0 || code === 2 || code === 4, output)
    assert.doesNotMatch(output, /a bug of the kit|ERR_MODULE_NOT_FOUND/)
  }
  // A name no module has: the settings of every module are read.
  const [code, output] = run(
    kit,
    '00_master_install.mjs',
    '--module',
    '12',
    ...offline,
    '--set',
    'NO_SUCH_KEY=1',
  )
  assert.equal(code, 2, output)
  assert.match(output, /NO_SUCH_KEY/)
})

test('a ? in the name of the folder works, or is refused in words where Node needs tsx', () => {
  const [code, output] = run(copyOf('kit why?'), 'scripts/12_n8n/12_n8n_01_deploy.mts', '--help')
  if (needsTsx) assert.match(output, /has a \? in its name/)
  assert.equal(code, needsTsx ? 2 : 0, output)
})
