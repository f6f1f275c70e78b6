import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import {
  againstOrder,
  arrowsBetween,
  cycles,
  homeless,
  importersOf,
  linesWith,
  missingFiles,
  oneModule,
  readGraph,
  roomOf,
  type Graph,
} from './imports.mts'

/** Writes files below a folder of its own, reads what they import, and takes them away again. */
function withFiles(
  files: Readonly<Record<string, string>>,
  look: (graph: Graph, root: string) => void,
): void {
  const root = mkdtempSync(join(tmpdir(), 'keybuzz-imports-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    look(readGraph(root, ['lib']), root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const rooms = [
  roomOf('lib/base'),
  roomOf('lib/kube'),
  roomOf('lib/kube/apply'),
  roomOf('lib/hosts', ['lib/kube']),
]

test('every kind of import is an arrow: values, types, re-exports, dynamic ones, several lines, nested folders', () => {
  const text = [
    "import { a } from './a.mts'",
    "import type { B } from './b.mts'",
    'import {',
    '  c,',
    '  type C,',
    "} from '../base/c.mts'",
    "export { d } from './apply/d.mts'",
    "import './e.mts'",
    "const f = async () => (await import('./f.mts')).f",
    "type G = import('./g.mts').G",
    "import { join } from 'node:path'",
  ]
  withFiles({ 'lib/kube/all.mts': text.join('\n') }, ({ files, arrows }) => {
    assert.deepEqual(files, ['lib/kube/all.mts'])
    assert.deepEqual(
      arrows.map(({ to }) => to),
      [
        'lib/kube/a.mts',
        'lib/kube/b.mts',
        'lib/base/c.mts',
        'lib/kube/apply/d.mts',
        'lib/kube/e.mts',
        'lib/kube/f.mts',
        'lib/kube/g.mts',
        'node:path',
      ],
    )
  })
})

test('an import of a room that comes later is against the order, a type too', () => {
  const files = {
    'lib/base/low.mts': "import type { High } from '../kube/high.mts'",
    'lib/kube/high.mts': "import { low } from '../base/other.mts'",
    'lib/base/other.mts': '',
  }
  withFiles(files, (graph) =>
    assert.deepEqual(againstOrder(graph, rooms), ['lib/base/low.mts -> lib/kube/high.mts']),
  )
})

test('a room within a room has a place of its own in the order', () => {
  const files = {
    'lib/kube/reader.mts': "export const read = () => import('./apply/send.mts')",
    'lib/kube/apply/send.mts': "import { types } from '../types.mts'",
    'lib/kube/types.mts': '',
  }
  withFiles(files, (graph) =>
    assert.deepEqual(againstOrder(graph, rooms), ['lib/kube/reader.mts -> lib/kube/apply/send.mts']),
  )
})

test('of two rooms beside each other neither imports the other', () => {
  const files = {
    'lib/hosts/host.mts': "import { types } from '../kube/types.mts'",
    'lib/kube/types.mts': "import { servers } from '../hosts/servers.mts'",
    'lib/hosts/servers.mts': '',
  }
  withFiles(files, (graph) =>
    assert.deepEqual(againstOrder(graph, rooms).toSorted(), [
      'lib/hosts/host.mts -> lib/kube/types.mts',
      'lib/kube/types.mts -> lib/hosts/servers.mts',
    ]),
  )
})

test('a file in no room is found', () => {
  withFiles({ 'lib/base/a.mts': '', 'lib/loose.mts': '', 'lib/attic/b.mts': '' }, ({ files }) =>
    assert.deepEqual(homeless(files, rooms), ['lib/attic/b.mts', 'lib/loose.mts']),
  )
})

test('files that import each other are found, over others and by types only', () => {
  const files = {
    'lib/base/a.mts': "import { b } from './b.mts'",
    'lib/base/b.mts': "import type { C } from './c.mts'",
    'lib/base/c.mts': "type A = import('./a.mts').A",
    'lib/base/d.mts': "import { a } from './a.mts'",
  }
  withFiles(files, (graph) =>
    assert.deepEqual(cycles(graph), ['lib/base/a.mts <-> lib/base/b.mts <-> lib/base/c.mts']),
  )
})

test('an import of a file that does not exist is found', () => {
  withFiles({ 'lib/base/a.mts': "import { gone } from './gone.mts'" }, (graph) =>
    assert.deepEqual(missingFiles(graph), ['lib/base/a.mts -> lib/base/gone.mts']),
  )
})

test('importers of a library are found, of its parts too, and not those of a longer name', () => {
  const files = {
    'lib/a.mts': "import { Client } from 'pg'",
    'lib/b.mts': "const later = () => import('pg/lib/utils')",
    'lib/c.mts': "import { other } from 'pg-other'",
  }
  withFiles(files, (graph) => assert.deepEqual(importersOf(graph, 'pg'), ['lib/a.mts', 'lib/b.mts']))
})

test('imports between two kinds of files are found', () => {
  const files = { 'lib/a.mts': "import { b } from './b.mts'\nimport { c } from './c.mts'", 'lib/b.mts': '' }
  withFiles(files, (graph) => {
    const found = arrowsBetween(
      graph,
      (file) => file === 'lib/a.mts',
      (file) => file !== 'lib/b.mts',
    )
    assert.deepEqual(found, ['lib/a.mts -> lib/c.mts'])
  })
})

test('a pattern is found in code with its line, and not in a comment', () => {
  const text =
    '// process.exit(1) is not code\n/** nor is process.exit(1)\n * or process.exit(1) */\nprocess.exit(1)\n'
  withFiles({ 'lib/a.mts': text }, ({ files }, root) =>
    assert.deepEqual(linesWith(root, files, /process\.exit\(/), ['lib/a.mts:4']),
  )
})

test('code that asks for one module is found, by number, name, application or folder', () => {
  const text = [
    "if (module.slug === 'anything') act()",
    'if (module.number === 9) act()',
    'rows.filter(({ number }) => number !== 12)',
    "if (slug === 'keybuzz') act()",
    "const folder = '12_n8n'",
    "if (name === 'chatwoot') act()",
    "const [kind, other] = ['k3s', number === 1 ? 'one' : 'n8n.example.com']",
    'modules.find((row) => row.number === number)',
  ]
  withFiles({ 'lib/a.mts': text.join('\n') }, ({ files }, root) =>
    assert.deepEqual(
      linesWith(root, files, oneModule),
      [1, 2, 3, 4, 5, 6].map((line) => `lib/a.mts:${line}`),
    ),
  )
})
