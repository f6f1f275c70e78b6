import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

// npm ci refuses a lock that lacks a package for any platform, and installs nothing but what the lock names.

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

interface Locked {
  readonly resolved?: string
  readonly integrity?: string
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

/** True when a package that `from` asks for is in the lock, where Node would look for it. */
function isLocked(packages: Readonly<Record<string, Locked>>, from: string, name: string): boolean {
  if (packages[`${from === '' ? '' : `${from}/`}node_modules/${name}`] !== undefined) return true
  return from !== '' && isLocked(packages, from.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, ''), name)
}

const images = ['n8n', 'twin', 'contract', 'node'].map(
  (name) => `tests/practice/images/${name}/package-lock.json`,
)

for (const file of ['package-lock.json', ...images]) {
  const { packages } = JSON.parse(read(file)) as { packages: Record<string, Locked> }

  test(`${file}: every dependency is locked, also those of other platforms`, () => {
    const missing = Object.entries(packages).flatMap(([from, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isLocked(packages, from, name))
        .map((name) => `${from}: ${name}`),
    )
    assert.deepEqual(missing, [])
  })

  test(`${file}: a checksum each, and no registry's address`, () => {
    for (const [name, { resolved, integrity }] of Object.entries(packages)) {
      assert.equal(resolved, undefined, name)
      if (name !== '') assert.match(integrity ?? '', /^sha512-/, name)
    }
  })
}

test('whatever installs packages, or tells how, takes npm ci', () => {
  const files = ['README.md', 'CONTRIBUTING.md', '00_master_install.mjs', 'bin/ts', 'tests/tools.bash']
  for (const file of [...files, 'tests/practice/images/build']) {
    assert.doesNotMatch(read(file), /npm (install|i)\b/, file)
    assert.doesNotMatch(read(file), /npm_24 \S+ install/, file)
  }
})
