import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Manifest } from '../../../lib/kube/types.mts'
import type { Session } from '../../../lib/run/session.mts'
import { readVersions } from '../../../lib/settings/versions.mts'
import type { Revision } from '../../../lib/state/revision.mts'
import { rollBack } from '../../../lib/verbs/rollback.mts'
import { llm } from '../../../scripts/15_llm/module.mts'
import { revisionOf } from '../state/revisions.mts'

// What a rollback refuses before it applies anything.

const { versions } = readVersions('no-such-environment')
const right = 'ghcr.io/berriai/litellm-non_root:v1.108.14'

const deployed = (image: string): Manifest =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'llm-staging', name: 'a' },
    spec: { template: { spec: { containers: [{ name: 'a', image }] } } },
  }) as Manifest

const back = (then: Partial<Revision>): Promise<void> => {
  const target = revisionOf({ module: '15_llm', number: 3, env: 'staging', ...then })
  const current = revisionOf({ module: '15_llm', number: 4, env: 'staging' })
  const nothing = () => assert.fail('it went on')
  return rollBack(
    {
      module: llm,
      env: 'staging',
      options: { revision: 3 },
      inputs: { current: nothing },
      versions,
      requireOpened: () => ({ revisions: { all: [target, current], current }, kube: {}, known: [] }),
    } as unknown as Session<typeof llm>,
    [],
  )
}

for (const [what, then] of [
  ['LiteLLM', { images: { litellm: right.replace('108.14', '107.0') }, manifests: [deployed(right)] }],
  [
    'LiteLLM under another name',
    { images: { litellm: 'example.com/litellm-of-ours:v1.107.0' }, manifests: [deployed(right)] },
  ],
  [
    'a service of the operator',
    { images: { litellm: right }, manifests: [deployed('example.com/litellm:v1.107.0')] },
  ],
] as const)
  test(`a rollback to a version of ${what} that an intruder published is refused by name: exit 5`, async () => {
    await assert.rejects(back(then), {
      exitCode: 5,
      message:
        /^revision 3 of 15 LiteLLM & AI services has \S*litellm\S*:v1\.107\.0: 1\.107\.\* was published by an intruder/,
      hint: /--module 15 --env staging --upgrade/,
    })
  })

test('a rollback to a version that may run goes on', async () => {
  await assert.rejects(back({ images: { litellm: right }, manifests: [deployed(right)] }), /it went on/)
})

test('a rollback to an image that its digest alone names says that its version is not known, and goes on', async ({
  mock,
}) => {
  const digest = `@sha256:${'a'.repeat(64)}`
  const said: string[] = []
  const err = mock.method(process.stderr, 'write', (text: unknown) => Boolean(said.push(String(text))))
  const [ours, service] = [`example.com/of-ours${digest}`, `example.com/litellm${digest}`]
  try {
    const then = { images: { litellm: ours }, manifests: [deployed(service), deployed(`${right}${digest}`)] }
    await assert.rejects(back(then), /it went on/)
  } finally {
    err.mock.restore()
  }
  const warnings = said.filter((line) => line.includes('tells no version'))
  assert.equal(warnings.length, 2, said.join(''))
  for (const [at, image] of [ours, service].entries())
    assert.match(
      warnings[at] ?? '',
      new RegExp(`${image}: a digest alone .* versions of litellm must never run`),
    )
})
