import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
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
