import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpenToAll, takesPods } from '../../../lib/kube/cluster-view.mts'
import { isPending, isPodReady, isPodServing } from '../../../lib/kube/pods.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { takesAddons } from '../../../scripts/09_k3s/addons/spread.mts'

// What a pod and a node are good for now, for every caller alike.

const pod = (status: object | undefined, metadata: object = {}): LiveObject =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one', ...metadata }, status }) as unknown as LiveObject
const ready = (status: string) => ({ phase: 'Running', conditions: [{ type: 'Ready', status }] })

test('a pod serves when it is ready and stays; one without a status, or that is being deleted, does not', () => {
  const ending = { deletionTimestamp: '2026-11-30T10:00:00Z' }
  for (const [one, isReadyNow, serves] of [
    [pod(ready('True')), true, true],
    [pod(ready('True'), ending), true, false],
    [pod(ready('False')), false, false],
    [pod({ phase: 'Pending' }), false, false],
    [pod(undefined), false, false],
  ] as const) {
    assert.equal(isPodReady(one), isReadyNow, JSON.stringify(one))
    assert.equal(isPodServing(one), serves, JSON.stringify(one))
  }
  assert.equal(isPending(pod({ phase: 'Pending' })), true)
  assert.equal(isPending(pod(ready('True'))), false)
  assert.equal(isPending(pod(undefined)), false)
})

const node = (spec: object | undefined, status = 'True'): LiveObject =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'one' },
    spec,
    status: { conditions: [{ type: 'Ready', status }] },
  }) as unknown as LiveObject
const tainted = (key: string, effect = 'NoSchedule') => ({ taints: [{ key, effect }] })

test('a node takes pods when it is Ready, not cordoned, and no taint keeps them away; the addons tolerate that of masters', () => {
  for (const [one, expected] of [
    // Whether it takes pods now, whether it is open to those without tolerations, whether it is one for the addons.
    [node({}), [true, true, true]],
    [node(undefined), [true, true, true]],
    [node({}, 'Unknown'), [false, true, true]],
    [node({ unschedulable: true }), [false, false, true]],
    [node(tainted('dedicated', 'PreferNoSchedule')), [true, true, true]],
    [node(tainted('dedicated')), [false, false, false]],
    [node(tainted('dedicated', 'NoExecute')), [false, false, false]],
    [node(tainted('node-role.kubernetes.io/control-plane')), [false, false, true]],
    [node(tainted('node.kubernetes.io/disk-pressure')), [false, false, true]],
  ] as const)
    assert.deepEqual([takesPods(one), isOpenToAll(one), takesAddons(one)], expected, JSON.stringify(one))
  assert.equal(takesPods({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'one' } }), false)
})
