import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitive } from '../../../lib/base/sensitive.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { createKube } from '../../../lib/kube/apply/kube-session.mts'
import type { Kubectl } from '../../../lib/kube/kubectl.mts'
import { nameOf, type LiveObject } from '../../../lib/kube/types.mts'
import { putBackDrills, type OpenedCluster } from '../../../lib/run/opened-cluster.mts'

const drilled = (namespace: string): LiveObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      namespace,
      name: 'n8n',
      labels: {
        'app.kubernetes.io/managed-by': 'keybuzz',
        'keybuzz.io/module': '12_n8n',
        'keybuzz.io/env': 'dev',
        'keybuzz.io/step': '01_deploy',
      },
      annotations: { 'keybuzz.io/drill-replicas': '2' },
    },
    spec: { replicas: 0 },
  }) as unknown as LiveObject

/** The Deployments that get their replicas back on a cluster with the one of the kit and a copy of it. */
async function putBack(isRecorded: (live: LiveObject) => boolean): Promise<string[]> {
  const guard = () => Promise.resolve()
  const kube = createKube({
    kubectl: {} as Kubectl,
    writes: createWrites({ planning: true, guard }),
    owner: { module: '12_n8n', env: 'dev' },
    forceConflicts: false,
    failures: () => [],
    namespaces: [],
    objects: [drilled('n8n-dev'), drilled('n8n-restored')],
    checksumKey: sensitive('the-key-of-this-cluster'),
    isRecorded,
  })
  // What would be written is seen; nothing is waited for.
  const repairs = createWrites({ planning: true, guard })
  const opened = { cluster: { kubectl: {} }, kube: { ...kube, waitForRolloutUncached: guard } }
  await putBackDrills(opened as unknown as OpenedCluster, repairs)
  return repairs.changes.map(({ what }) => what)
}

test('a drill is undone on what a revision names; the mark of a copy is left alone', async () => {
  assert.deepEqual(await putBack((live) => nameOf(live) === 'Deployment n8n-dev/n8n'), [
    'Deployment n8n-dev/n8n',
  ])
  assert.deepEqual(await putBack(() => false), [])
})
