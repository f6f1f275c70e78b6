import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
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
import { test } from 'node:test'
import { root } from '../../lib/base/files.mts'
import { readArguments } from '../../lib/cli/arguments.mts'

// Every command in a README can be pasted: what is said of it stands behind a #, and the kit accepts its flags.

const files = [
  'README.md',
  'CONTRIBUTING.md',
  'credentials/README.md',
  'tests/practice/README.md',
  ...readdirSync(join(root, 'scripts'))
    .filter((name) => /^\d\d_/.test(name))
    .map((name) => `scripts/${name}/README.md`),
]

const program = String.raw`(?:\./00_master_install\.mjs|scripts/\d\d_\w+/\w+\.mts)`

/** The lines of a text's blocks of code, without their indentation. */
const blockLines = (text: string): string[] =>
  [...text.matchAll(/^ *```\w*\n([\s\S]*?)^ *```$/gm)].flatMap(([, lines = '']) =>
    lines.split('\n').map((line) => line.trim()),
  )

/** The kit's own commands in a text, in blocks and between backticks. */
const kitCommands = (text: string): string[] => {
  const inline = [...text.matchAll(new RegExp(`\`(${program}[^\`]*)\``, 'g'))].map(([, one = '']) => one)
  return [...blockLines(text), ...inline].filter((line) => new RegExp(`^${program}`).test(line))
}

/** The words of a command as sh splits it, up to a comment, a pipe or a redirection. */
const wordsOf = (line: string): string[] => {
  const words = [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word)
  const end = words.findIndex((word) => /^(#|\||&&|;|[<>]|2>)/.test(word))
  return words.slice(0, end < 0 ? words.length : end).map((word) => word.replaceAll(/['"]/g, ''))
}

const kindOf = (path: string) =>
  path.endsWith('.mjs') ? 'master' : path.endsWith('_apply_all.mts') ? 'apply_all' : 'step'

for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8')

  test(`${file}: what is said of a command stands behind a #`, () => {
    const commands = blockLines(text).filter((line) =>
      /^(\.\/|scripts\/|npm |cp |install |kubectl |docker |cat |ls )/.test(line),
    )
    const bare = commands.filter((line) => /\S {2,}[^#\s]/.test(line.replace(/\s#.*$/, '')))
    assert.deepEqual(bare, [])
  })

  test(`${file}: the kit accepts each of its commands`, () => {
    for (const line of kitCommands(text)) {
      const [path = '', ...words] = wordsOf(line)
      assert.ok(existsSync(join(root, path)), line)
      assert.doesNotThrow(() => readArguments(kindOf(path), words), line)
    }
  })
}

test('commands are found in blocks and in sentences, and a wrong one is told', () => {
  const text =
    'Run `scripts/12_n8n/12_n8n_01_deploy.mts --upgrade`:\n\n```\n./00_master_install.mjs --plan   # all\n```\n'
  assert.deepEqual(kitCommands(text), [
    './00_master_install.mjs --plan   # all',
    'scripts/12_n8n/12_n8n_01_deploy.mts --upgrade',
  ])
  assert.deepEqual(wordsOf("a --set KEY='b c' | jq"), ['a', '--set', 'KEY=b c'])
  assert.throws(() => readArguments('step', ['--upgrade']))
})

test('from bare machines to a cluster by five commands: those before the kit’s own leave what it needs, for its user alone', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  const block = /^<!-- typed: cluster -->\n```\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? ''
  const [packages, ...rest] = block.trimEnd().split('\n')
  assert.equal(packages, 'npm ci')
  assert.equal(rest.length, 4)
  assert.match(rest.pop() ?? '', /^\.\/00_master_install\.mjs --env staging --module 9 +#/)
  const folder = mkdtempSync(join(tmpdir(), 'keybuzz-readme-'))
  try {
    const [kit, home] = [join(folder, 'kit'), join(folder, 'home')]
    mkdirSync(join(home, '.ssh'), { recursive: true })
    mkdirSync(join(kit, 'credentials'), { recursive: true })
    writeFileSync(join(home, '.ssh/id_ed25519'), 'a key')
    copyFileSync(join(root, 'servers.example.tsv'), join(kit, 'servers.example.tsv'))
    const editor = join(folder, 'editor')
    writeFileSync(editor, '#!/bin/sh\n# Stand-in of an editor.\necho edited >>"$1"\n', { mode: 0o755 })
    // Whoever has a mask that lets others read gets a private folder all the same.
    const script = ['umask 022', ...rest].join('\n')
    execFileSync('sh', ['-ec', script], { cwd: kit, env: { ...process.env, HOME: home, EDITOR: editor } })
    const made = join(kit, 'credentials/staging')
    assert.equal(statSync(made).mode & 0o777, 0o700)
    assert.equal(statSync(join(made, 'id_ed25519')).mode & 0o777, 0o600)
    assert.match(readFileSync(join(made, 'servers.tsv'), 'utf8'), /staging-master-01[\s\S]*\nedited\n$/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
