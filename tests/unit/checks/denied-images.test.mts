import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deniedImages } from '../../../lib/checks/denied-images.mts'

// What an upgrade has replaced is no pod of the installation any more.

const check = deniedImages('shop', (env) => `shop-${env}`, 'upgrade it')
const versions = { shop: { version: '2.0.0', image: 'shop:2.0.0', denied: { '1.*': 'is broken' } } }

async function answerFor(more: object, ...others: string[]) {
  const pod = (name: string, image: string, extra: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'shop', image }] },
    ...extra,
  })
  const pods = [
    pod('new', 'shop:2.0.0'),
    pod('old', 'shop:1.0.0', more),
    ...others.map((image) => pod(image, image)),
  ]
  const kube = { list: () => Promise.resolve(pods) }
  return check.ask({ kube, settings: { ENV: 'dev' }, versions } as never)
}

test('a pod with a denied version fails it; one that is being deleted, or has ended, does not', async () => {
  const running = await answerFor({})
  assert.equal(running.result, 'failed')
  assert.equal(running.evidence, 'shop:1.0.0: 1.* is broken')
  const ending = { metadata: { name: 'old', deletionTimestamp: '2026-11-30T10:00:00Z' } }
  for (const more of [ending, { status: { phase: 'Succeeded' } }, { status: { phase: 'Failed' } }])
    assert.equal((await answerFor(more)).result, 'passed')
})

test('a pod whose image has its digest alone is a warning that says what to write; a denied version beside it fails', async () => {
  const digest = `@sha256:${'a'.repeat(64)}`
  const gone = { status: { phase: 'Failed' } }
  const untold = await answerFor(gone, `mirror.example.com/shop${digest}`)
  assert.equal(untold.result, 'warning')
  assert.equal(
    untold.evidence,
    `mirror.example.com/shop${digest}: a digest alone tells no version, and some versions of shop must never run`,
  )
  assert.match(untold.fix ?? '', /name:VERSION@sha256:/)
  assert.equal((await answerFor(gone, `shop:2.0.0${digest}`)).result, 'passed')
  const both = await answerFor({}, `shop${digest}`)
  assert.deepEqual([both.result, both.evidence], ['failed', 'shop:1.0.0: 1.* is broken'])
  assert.equal((await answerFor(gone, `shop:1.0.0${digest}`)).result, 'failed')
})
