import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { waitForDeployments } from '../../../../lib/kube/rollout/deployments.mts'
import { fakeApi } from '../fake-api.mts'

const folder = mkdtempSync(join(tmpdir(), 'dead-node-'))
after(() => rmSync(folder, { recursive: true }))

const deployment = (type: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'n8n', generation: 2 },
  spec: { replicas: 1, strategy: { type }, selector: { matchLabels: { app: 'n8n' } }, template: {} },
  status: { observedGeneration: 2, replicas: 0 },
})

/** A pod of an older template on k8s-2 that is being deleted; its time to end is over, or still runs. */
const ending = (at: number) => ({
  kind: 'Pod',
  metadata: {
    name: 'n8n-old',
    labels: { app: 'n8n' },
    annotations: { 'keybuzz.io/checksum': 'old' },
    deletionTimestamp: new Date(at).toISOString(),
  },
  spec: { nodeName: 'k8s-2' },
})

const node = (status: string) => ({
  kind: 'Node',
  metadata: { name: 'k8s-2' },
  status: { conditions: [{ type: 'Ready', status, message: 'Kubelet stopped posting node status.' }] },
})

let files = 0

/** A stand-in of kubectl that watches these objects for ever, and knows this node. */
function waitFor(strategy: string, deletedAt: number, ready: string): Promise<void> {
  const here = join(folder, String((files += 1)))
  writeFileSync(`${here}-deployments.apps`, JSON.stringify({ type: 'ADDED', object: deployment(strategy) }))
  writeFileSync(`${here}-pods`, JSON.stringify({ type: 'ADDED', object: ending(deletedAt) }))
  const script = `if [ -f ${here}-"$2" ]; then cat ${here}-"$2"; fi; exec sleep 20`
  const api = fakeApi(({ kinds }) => [kinds === 'nodes' ? node(ready) : deployment(strategy)])
  const kubectl = { words: ['sh', '-c', script, 'kubectl'], api } as unknown as Kubectl
  return waitForDeployments(kubectl, 'a', ['n8n'], [], { deadline: 4, noProgress: 60 })
}

test('a Recreate Deployment whose old pod is on a node that is off is told at once, with the node and the way', async () => {
  const started = performance.now()
  await assert.rejects(waitFor('Recreate', Date.now() - 60_000, 'Unknown'), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
    assert.match(thrown.message, /old pod cannot end: its node does not answer/)
    assert.match(thrown.details[0] ?? '', /^n8n-old on k8s-2: Node k8s-2 is not Ready/)
    assert.match(thrown.hint ?? '', /kubectl delete node k8s-2/)
    return true
  })
  assert.ok(performance.now() - started < 3500, 'in seconds')
})

test('an old pod that may still end is waited for, and named', async () => {
  const late = { exitCode: exitCodes.rolloutFailed, message: /4 s have passed/ }
  await Promise.all([
    assert.rejects(waitFor('Recreate', Date.now() + 60_000, 'Unknown'), late),
    assert.rejects(waitFor('Recreate', Date.now() - 60_000, 'True'), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.match(thrown.details[0] ?? '', /its old pod n8n-old on k8s-2 is still ending/)
      return true
    }),
    assert.rejects(waitFor('RollingUpdate', Date.now() - 60_000, 'Unknown'), late),
  ])
})
