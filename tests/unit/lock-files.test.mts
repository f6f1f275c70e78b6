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
  readonly dev?: boolean
  readonly engines?: { readonly node?: string }
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

/** Major and minor number of the oldest Node of a range such as `>= 20.12.0`. */
const oldest = (range: string): number[] => /(\d+)(?:\.(\d+))?/.exec(range)?.slice(1).map(Number) ?? []

const isNewer = ([major = 0, minor = 0]: number[], [a = 0, b = 0]: number[]): boolean =>
  major > a || (major === a && minor > b)

test('the oldest Node the kit takes is one its packages take, and the one it names', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
  const { engines } = JSON.parse(read('package.json')) as Locked
  const ours = oldest(engines?.node ?? '')
  const newer = Object.entries(packages).flatMap(([name, one]) => {
    const range = one.engines?.node
    return name !== '' && one.dev !== true && range !== undefined && isNewer(oldest(range), ours)
      ? [`${name} ${range}`]
      : []
  })
  assert.deepEqual(newer, [])
  assert.ok(isNewer(oldest('>= 20.12.0'), [20, 11]) && !isNewer(oldest('^20.12'), [20, 12]))
  assert.match(read('00_master_install.mjs'), new RegExp(`const needed = \\[${ours.join(', ')}\\]`))
  assert.match(read('README.md'), new RegExp(`Node ${ours.join('.')} or newer`))
})
