import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../../lib/base/files.mts'
import type { PlanDocument } from '../../../lib/kube/apply/plan-text.mts'
import type { StatusDocument } from '../../../lib/verbs/status.mts'

// The compiler keeps these two complete; the README must name each of their fields, and no other.
const documents: { plan: Record<keyof PlanDocument, 0>; status: Record<keyof StatusDocument, 0> } = {
  plan: { kind: 0, module: 0, env: 0, cluster: 0, revision: 0, changes: 0, unchanged: 0 },
  status: {
    kind: 0,
    module: 0,
    env: 0,
    cluster: 0,
    revision: 0,
    images: 0,
    health: 0,
    drill: 0,
    tested: 0,
    pending: 0,
  },
}

const byText = (a = '', b = ''): number => a.localeCompare(b)

for (const [kind, fields] of Object.entries(documents)) {
  test(`README: the fields of --${kind} --json are those the code writes`, () => {
    const [, table = ''] =
      /<!-- json -->([\s\S]*)<!-- \/json -->/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
    const named = table
      .split('\n')
      .filter((line) => line.startsWith(`| ${kind} |`))
      .flatMap((line) => [...(line.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name))
    assert.deepEqual(named.toSorted(byText), Object.keys(fields).toSorted(byText))
  })
}
