import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Kubectl } from '../../../../lib/kube/kubectl.mts'
import { waitForDeployments } from '../../../../lib/kube/rollout/deployments.mts'

// Every fatal state is seen on the real cluster (tests/practice/waits.bats); here are the two limits of a wait.

const folder = mkdtempSync(join(tmpdir(), 'wait-'))
after(() => rmSync(folder, { recursive: true }))

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'n8n', generation: 1 },
  spec: { replicas: 2, selector: { matchLabels: { app: 'n8n' } }, template: {} },
  status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 1 },
}
writeFileSync(join(folder, 'events'), JSON.stringify({ type: 'ADDED', object: deployment }))

/** A stand-in of kubectl that watches one Deployment, which never becomes ready. */
const kubectl = {
  words: [
    'sh',
    '-c',
    `if [ "$2" = deployments.apps ]; then cat ${folder}/events; fi; exec sleep 10`,
    'kubectl',
  ],
} as unknown as Kubectl

const endsWith = (limits: { deadline: number; noProgress: number }, why: RegExp) =>
  assert.rejects(waitForDeployments(kubectl, 'a', ['n8n'], [], limits), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.rolloutFailed)
    assert.match(thrown.message, why)
    // How much of it was seen by then is a matter of how busy this machine is.
    assert.match(thrown.details[0] ?? '', /^deployment\/n8n \d\/\d ready: ./)
    return true
  })

test('a wait ends at its deadline, and when nothing moves: both limits are named with the last reason', async () => {
  await Promise.all([
    endsWith({ deadline: 1, noProgress: 60 }, /deployment\/n8n did not become ready: 1 s have passed/),
    endsWith(
      { deadline: 60, noProgress: 1 },
      /deployment\/n8n did not become ready: nothing has moved for 1 s/,
    ),
  ])
})
