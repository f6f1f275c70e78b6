import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KitError } from '../../../../lib/base/errors.mts'
import type { KubeReader } from '../../../../lib/kube/reader.mts'
import type { Pod } from '../../../../lib/kube/types.mts'
import { checkPod } from '../../../../scripts/14_vault/check-pod.mts'
import { addedTo, injectionWorks, liveCheckPod } from '../../../../scripts/14_vault/trial.mts'
import { images, settingsFor } from './settings.mts'

const one = checkPod(settingsFor(), images)

/** A cluster that answers a trial so; it keeps what it was asked. */
function cluster(answer: () => Promise<unknown>): { kube: KubeReader; asked: Pod[] } {
  const asked: Pod[] = []
  const kube = {
    get: () => Promise.resolve(undefined),
    wouldCreate: (object: Pod) => (asked.push(object), answer()),
  }
  return { kube: kube as unknown as KubeReader, asked }
}
const injectedPod = () =>
  Promise.resolve({
    spec: {
      initContainers: [{ name: 'vault-agent-init' }],
      containers: [{ name: 'check' }, { name: 'vault-agent' }],
    },
  })
const plainPod = () => Promise.resolve({ spec: { containers: [{ name: 'check' }] } })

test('a trial pod is like the pods of the Deployment, without their labels: nothing may adopt it', async () => {
  const { kube, asked } = cluster(injectedPod)
  const names = await addedTo(kube, one, { namespace: 'vault-check', asks: true })
  assert.deepEqual(names, ['vault-agent-init', 'vault-agent'])
  assert.deepEqual(asked[0]?.metadata, {
    name: 'keybuzz-trial',
    namespace: 'vault-check',
    annotations: one.spec?.template.metadata?.annotations,
  })
  await addedTo(kube, one, { namespace: 'vault-check', asks: false })
  assert.equal(asked[1]?.metadata?.annotations, undefined)
})

test('the injector works when such a pod is changed; until then it is said what is missing', async () => {
  assert.equal(await injectionWorks(cluster(injectedPod).kube, one).missing(), '')
  assert.match(await injectionWorks(cluster(plainPod).kube, one).missing(), /gets nothing/)
  const refused = () =>
    Promise.reject(
      new KitError('kubectl create failed', {
        exitCode: 9,
        details: ['x509: certificate signed by unknown authority'],
      }),
    )
  assert.match(await injectionWorks(cluster(refused).kube, one).missing(), /unknown authority/)
})

test('without the Deployment of the checks there is nothing to try: exit 10', () =>
  assert.rejects(liveCheckPod(cluster(plainPod).kube), { exitCode: 10 }))
