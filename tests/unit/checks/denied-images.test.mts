import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deniedImages } from '../../../lib/checks/denied-images.mts'

// What an upgrade has replaced is no pod of the installation any more.

const check = deniedImages('shop', (env) => `shop-${env}`, 'upgrade it')
const versions = { shop: { version: '2.0.0', image: 'shop:2.0.0', denied: { '1.*': 'is broken' } } }

async function answerFor(more: object) {
  const pod = (name: string, image: string, extra: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'shop', image }] },
    ...extra,
  })
  const pods = [pod('new', 'shop:2.0.0'), pod('old', 'shop:1.0.0', more)]
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
