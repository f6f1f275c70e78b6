import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { root } from '../../../../lib/base/files.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import {
  definitionsIn,
  digestAnnotation,
  ensureDefinitions,
  type Definition,
} from '../../../../lib/kube/apply/definitions.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import type { LiveObject, Manifest } from '../../../../lib/kube/types.mts'
import { fakeApi } from '../fake-api.mts'

const text = readFileSync(join(root, 'tests/fixtures/chart/crds/shelves.yaml'), 'utf8')
const other = text.replaceAll('shelves', 'boxes')
const both = `---\n# a comment\n---\n${text}\n---\n${other}`
const definitions = definitionsIn(both)
const name = 'shelves.small.example.com'

const established = (one: Definition, more: object = {}): LiveObject =>
  ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: one.name, annotations: { [digestAnnotation]: one.digest }, ...more },
    status: { conditions: [{ type: 'Established', status: 'True' }] },
  }) as LiveObject

/** A cluster with these definitions, which establishes what is applied. */
function clusterWith(...there: LiveObject[]) {
  const live = new Map(there.map((one) => [one.metadata.name, one]))
  const sent: Manifest[] = []
  const api = fakeApi(() => [], {
    find: (objects) =>
      Promise.resolve(
        objects.flatMap(({ metadata }) => {
          const one = live.get(metadata?.name ?? '')
          // What is being deleted is gone when it is looked at again.
          if (one?.metadata.deletionTimestamp !== undefined) live.delete(one.metadata.name)
          return one ?? []
        }),
      ),
    apply: (manifest) => {
      sent.push(manifest)
      const made = { ...manifest, status: { conditions: [{ type: 'Established', status: 'True' }] } }
      live.set(manifest.metadata?.name ?? '', made as unknown as LiveObject)
      return Promise.resolve(made as unknown as LiveObject)
    },
  })
  return { kubectl: { api } as Kubectl, sent }
}
const writesOf = (planning = false) => createWrites({ planning, guard: () => Promise.resolve() })

test('the definitions of a text, each with its name and the digest of its own text', () => {
  assert.deepEqual(
    definitions.map((one) => one.name),
    [name, 'boxes.small.example.com'],
  )
  assert.notEqual(definitions[0]?.digest, definitions[1]?.digest)
  for (const none of ['', 'kind: ConfigMap\n', 'kind: CustomResourceDefinition\nmetadata:\n  labels: {}\n'])
    assert.throws(
      () => definitionsIn(none),
      (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.preflight,
    )
})

test('new definitions are sent with their digest; the second run sends nothing', async () => {
  const { kubectl, sent } = clusterWith()
  const writes = writesOf()
  assert.equal(await ensureDefinitions({ kubectl, writes, forceConflicts: false }, definitions), true)
  assert.equal(sent.length, 2)
  assert.equal(sent[0]?.metadata?.annotations?.[digestAnnotation], definitions[0]?.digest)
  assert.equal(sent[0]?.metadata?.annotations?.['example.com/version'], '1')
  assert.deepEqual(
    writes.changes.map(({ sign, what }) => `${sign} ${what}`),
    [`+ CustomResourceDefinition ${name}`, '+ CustomResourceDefinition boxes.small.example.com'],
  )
  const again = writesOf()
  await ensureDefinitions({ kubectl, writes: again, forceConflicts: false }, definitions)
  assert.equal(sent.length, 2)
  assert.deepEqual(again.changes, [])
})

test('one whose text has changed is sent alone', async () => {
  const [first, second] = definitions as [Definition, Definition]
  const { kubectl, sent } = clusterWith(established(first), established({ ...second, digest: 'old' }))
  await ensureDefinitions({ kubectl, writes: writesOf(), forceConflicts: false }, definitions)
  assert.deepEqual(
    sent.map(({ metadata }) => metadata?.name),
    [second.name],
  )
})

test('definitions of another installation are left alone: exit 5; under --plan they are noted', async () => {
  const [first] = definitions as [Definition]
  const foreign = () => clusterWith(established(first, { annotations: {} }))
  await assert.rejects(
    ensureDefinitions({ kubectl: foreign().kubectl, writes: writesOf(), forceConflicts: false }, definitions),
    (thrown) =>
      thrown instanceof KitError &&
      thrown.exitCode === exitCodes.conflict &&
      /another installation/.test(thrown.message),
  )
  const plan = writesOf(true)
  await ensureDefinitions({ kubectl: foreign().kubectl, writes: plan, forceConflicts: false }, definitions)
  assert.equal(plan.changes[0]?.sign, '!')
  const { kubectl, sent } = foreign()
  await ensureDefinitions({ kubectl, writes: writesOf(), forceConflicts: true }, definitions)
  assert.equal(sent.length, 2)
})

test('one that is being deleted is waited for, and made anew', async () => {
  const [first, second] = definitions as [Definition, Definition]
  const ending = established(first, { uid: '1', deletionTimestamp: '2026-11-30T00:00:00Z' })
  const { kubectl, sent } = clusterWith(ending, established(second))
  assert.equal(
    await ensureDefinitions({ kubectl, writes: writesOf(), forceConflicts: false }, definitions),
    true,
  )
  assert.deepEqual(
    sent.map(({ metadata }) => metadata?.name),
    [first.name],
  )
})

test('a plan sends nothing, and says whether the cluster has them all', async () => {
  const { kubectl, sent } = clusterWith()
  const plan = writesOf(true)
  assert.equal(await ensureDefinitions({ kubectl, writes: plan, forceConflicts: false }, definitions), false)
  assert.deepEqual([sent.length, plan.changes.length], [0, 2])
  const all = clusterWith(...definitions.map((one) => established(one)))
  assert.equal(
    await ensureDefinitions(
      { kubectl: all.kubectl, writes: writesOf(true), forceConflicts: false },
      definitions,
    ),
    true,
  )
})

test('a text that is no YAML is refused before anything is sent', async () => {
  const bad = [{ name: 'x', text: 'a: [', digest: 'd' }]
  const { kubectl, sent } = clusterWith()
  await assert.rejects(
    ensureDefinitions({ kubectl, writes: writesOf(), forceConflicts: false }, bad),
    (thrown) => thrown instanceof KitError && thrown.exitCode === exitCodes.preflight,
  )
  assert.equal(sent.length, 0)
})

test('one that does not become Established is told by its name: exit 9', async () => {
  const [first] = definitions as [Definition]
  const { kubectl } = clusterWith({ ...established(first), status: {} })
  await assert.rejects(
    ensureDefinitions({ kubectl, writes: writesOf(), forceConflicts: false }, [first], 0),
    (thrown) =>
      thrown instanceof KitError &&
      thrown.exitCode === exitCodes.rolloutFailed &&
      thrown.message.endsWith(`not Established: ${name}`),
  )
})
