import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { createWrites } from '../../../../lib/base/writes.mts'
import { createKube } from '../../../../lib/kube/apply/kube-session.mts'
import { findLive } from '../../../../lib/kube/objects.mts'
import type { LiveObject, Manifest } from '../../../../lib/kube/types.mts'
import { startApiServer, type ApiServer } from './api-server.mts'

// Somebody writes between the comparison and the send. The real kubectl asks a server on loopback that keeps versions.

const hasKubectl = (): boolean => {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const options = { skip: hasKubectl() || process.env['CI'] === 'true' ? false : 'needs kubectl' }

const closing: (() => void)[] = []
after(() => closing.forEach((close) => close()))

const configMap = (name: string, data: Record<string, string>): Manifest =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'n8n-dev', name }, data }) as Manifest

async function open(): Promise<{ api: ApiServer; apply: (...wanted: Manifest[]) => Promise<void> }> {
  const api = await startApiServer()
  closing.push(() => api.close())
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n8n-dev' } } as LiveObject
  const apply = async (...wanted: Manifest[]) => {
    const session = createKube({
      kubectl: api.kubectl,
      writes: createWrites({ planning: false, guard: () => Promise.resolve() }),
      owner: { module: '12_n8n', env: 'dev' },
      forceConflicts: false,
      failures: () => [],
      namespaces: [namespace],
      objects: [...(await findLive(api.kubectl, wanted)).values()],
      checksumKey: sensitive('the-key-of-this-cluster'),
      isRecorded: () => true,
    })

    await session.of('01_deploy').apply(wanted)
  }
  return { api, apply }
}

test('what is sent names the version it was compared in; a second run sends nothing', options, async () => {
  const { api, apply } = await open()
  await apply(configMap('one', { key: '1' }))
  await apply(configMap('one', { key: '2' }))
  assert.deepEqual(api.applied, [undefined, '2'])
  await apply(configMap('one', { key: '2' }))
  assert.equal(api.applied.length, 2)
})

test('a hand edit between comparison and send is a conflict, and stays: exit 5', options, async () => {
  const { api, apply } = await open()
  await apply(configMap('one', { key: '1' }), configMap('two', { key: '1' }))
  api.meanwhile = () => {
    api.meanwhile = () => {}
    api.edit('one', { key: 'by hand' })
  }
  await assert.rejects(apply(configMap('one', { key: '2' }), configMap('two', { key: '2' })), (thrown) => {
    assert.ok(thrown instanceof KitError)
    assert.equal(thrown.exitCode, exitCodes.conflict)
    assert.match(thrown.details.join('\n'), /data\.key of ConfigMap n8n-dev\/one is owned by kubectl-edit/)
    assert.ok(!thrown.details.join().includes('Nothing was written'), 'the other object was')
    return true
  })
  assert.equal(api.stored.get('one')?.data['key'], 'by hand')
})

test('a controller that writes something else meanwhile costs one more comparison', options, async () => {
  const { api, apply } = await open()
  await apply(configMap('one', { key: '1' }))
  api.meanwhile = () => {
    api.meanwhile = () => {}
    api.edit('one', { status: 'seen' }, 'controller')
  }
  await apply(configMap('one', { key: '2' }))
  assert.deepEqual(api.stored.get('one')?.data, { key: '2', status: 'seen' })
  assert.deepEqual(api.applied, [undefined, '2', '3'])
})

test('whoever writes all the time ends the run, which never forces: exit 5', options, async () => {
  const { api, apply } = await open()
  await apply(configMap('one', { key: '1' }))
  let writes = 0
  api.meanwhile = () => api.edit('one', { status: String((writes += 1)) }, 'controller')
  await assert.rejects(apply(configMap('one', { key: '2' })), {
    exitCode: exitCodes.conflict,
    message: /changed by somebody else since it was compared/,
  })
  assert.equal(writes, 6)
  assert.equal(api.stored.get('one')?.data['key'], '1')
})
