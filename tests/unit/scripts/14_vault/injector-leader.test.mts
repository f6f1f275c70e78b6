import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { webhookTrust } from '../../../../scripts/14_vault/checks-injector.mts'
import type { Tools } from '../../../../scripts/14_vault/session.mts'
import {
  hookPath,
  lockPath,
  podPath,
  secretPath,
  startInjectorApi,
  type InjectorApi,
} from './injector-api.mts'
import { ready, standIn, startInjector, until, withoutNamespaces, type Injector } from './injector.mts'
import { settingsOf } from './opened-patch.mts'
import { loadStandIn } from './standin-parts.mts'

// The pods of the practice platform's stand-in of the injector, as processes: who of them keeps the certificate, and what they
// write. injector-real.test.mts compares the writes of a first start with the real one's.

const { makeAuthority } = await loadStandIn()
const options = { skip: withoutNamespaces }

/** An API server, and what starts pods of the injector at it; all end with the test. */
async function startApi(t: TestContext, pods: readonly string[] = ['pod-a', 'pod-b']) {
  const api = await startInjectorApi(pods)
  const started: Injector[] = []
  t.after(async () => {
    await Promise.all(started.map((one) => one.end()))
    await api.close()
  })
  const start = async (pod: string, more = {}) => {
    const one = await startInjector(standIn, api, settingsOf('kubernetes'), { pod, more })
    started.push(one)
    return one
  }
  return { api, start }
}

const certificatesIn = (api: InjectorApi): number => api.bundle().split('BEGIN CERTIFICATE').length - 1
const leaderOf = (api: InjectorApi) => api.find(lockPath).metadata.ownerReferences?.[0]?.name
const served = async (one: Injector, api: InjectorApi): Promise<string> => {
  const { raw } = new X509Certificate((await one.ask('/health/ready', { ca: api.bundle() })).certificate)
  return createHash('sha256').update(raw).digest('hex')
}

test(
  'everything it says begins with what it is; it does not start with a variable that it does not know',
  options,
  async (t) => {
    const { start } = await startApi(t)
    const [one, other] = [await start('pod-a'), await start('pod-b', { AGENT_INJECT_RUN_AS_USER: '5' })]
    await Promise.all([
      ready(one),
      until('it says why', () => other.log().includes('it knows no variable AGENT_INJECT_RUN_AS_USER')),
    ])
    const [first = '', ...lines] = one.log().trim().split('\n')
    assert.equal(
      first,
      'STAND-IN of vault-k8s 1.7.6: it injects what this kit asks for, and is not the program of HashiCorp',
    )
    assert.ok(lines.length > 2)
    for (const line of lines) assert.match(line, /^\S+Z STAND-IN of vault-k8s: /)
    assert.deepEqual([await one.end(), await other.end()], [2, 1])
  },
)

test(
  'two pods: one is the leader, both serve its certificate, and the kit’s own check trusts the webhook',
  options,
  async (t) => {
    const { api, start } = await startApi(t)
    const first = await start('pod-a')
    await ready(first)
    const second = await start('pod-b')
    await ready(second)
    assert.equal(leaderOf(api), 'pod-a')
    assert.equal(await served(second, api), await served(first, api))
    assert.deepEqual(api.writes, [
      'POST /api/v1/namespaces/vault-injector/configmaps',
      'POST /api/v1/namespaces/vault-injector/secrets',
      `PATCH ${hookPath}`,
      // The second one tries to become the leader.
      'POST /api/v1/namespaces/vault-injector/configmaps',
    ])
    const kube = {
      get: (kind: string) =>
        Promise.resolve(
          api.find(kind === 'secrets' ? secretPath : kind === 'configmaps' ? lockPath : hookPath),
        ),
    }
    const { result, evidence } = await webhookTrust.ask({ kube } as unknown as Tools)
    assert.equal(result, 'passed', evidence)
  },
)

test(
  'a CA that somebody else writes into the webhook: the leader’s own comes back, and a webhook made anew gets it',
  options,
  async (t) => {
    const { api, start } = await startApi(t)
    const one = await start('pod-a')
    await ready(one)
    await until('a CA in the webhook', () => api.bundle() !== '')
    const own = api.bundle()
    const { webhooks } = api.find(hookPath)
    assert.ok(webhooks)
    // As the real one: it keeps the last of those it finds.
    const [other, last] = [makeAuthority().pem, makeAuthority().pem]
    webhooks[0].clientConfig.caBundle = Buffer.from(other + last).toString('base64')
    await until('the CA again', () => api.bundle() === last + own)
    delete webhooks[0].clientConfig.caBundle
    await until('the CA alone', () => api.bundle() === own)
  },
)

test(
  'the Secret deleted: nobody makes it again, until the leader’s pod goes; the next leader’s CA is beside the last one',
  options,
  async (t) => {
    const { api, start } = await startApi(t)
    const [first, second] = [await start('pod-a'), await start('pod-b')]
    await Promise.all([ready(first), ready(second)])
    const before = await served(second, api)
    const leader = leaderOf(api) ?? ''
    const other = leader === 'pod-a' ? second : first
    api.objects.delete(secretPath)
    await new Promise((resolve) => setTimeout(resolve, 2500))
    assert.equal(api.objects.has(secretPath), false)
    // As the garbage collector does: the lock goes with its pod.
    await (leader === 'pod-a' ? first : second).end()
    api.objects.delete(podPath(leader))
    api.objects.delete(lockPath)
    await until(
      'another certificate',
      async () => certificatesIn(api) === 2 && (await served(other, api)) !== before,
    )
    assert.notEqual(leaderOf(api), leader)
  },
)

test(
  'a container that is started anew in its pod is the leader again at once, with a new certificate',
  options,
  async (t) => {
    const { api, start } = await startApi(t)
    const first = await start('pod-a')
    await ready(first)
    const before = api.find(secretPath).data?.['cert']
    await first.end()
    const again = await start('pod-a')
    await until('a new certificate', () => api.find(secretPath).data?.['cert'] !== before)
    await ready(again)
    assert.match(again.log(), /the lock is of this pod/)
  },
)

test(
  'a leader that was evicted, or whose node is not ready, is deleted; one that runs is not',
  options,
  async (t) => {
    const lost = { status: { phase: 'Failed', reason: 'Evicted' } }
    const away = { spec: { nodeName: 'node-1' }, status: { phase: 'Running' } }
    const nodes = { type: 'Ready', status: 'Unknown' }
    for (const [state, wanted] of [
      [lost, [podPath('pod-b')]],
      [away, [podPath('pod-b'), lockPath]],
    ] as const) {
      const { api, start } = await startApi(t)
      const owner = { apiVersion: 'v1', kind: 'Pod', name: 'pod-b', uid: 'uid-pod-b' }
      api.objects.set(lockPath, { metadata: { name: 'vault-k8s-leader', ownerReferences: [owner] } })
      await start('pod-a')
      await until('a look', () => api.writes.length > 0)
      const deleted = () => api.writes.flatMap((one) => (one.startsWith('DELETE ') ? [one.slice(7)] : []))
      assert.deepEqual(deleted(), [])
      api.objects.set('/api/v1/nodes/node-1', { status: { conditions: [nodes] } })
      api.objects.set(podPath('pod-b'), { ...api.find(podPath('pod-b')), ...state })
      await until('it is deleted', () => deleted().length === wanted.length)
      assert.deepEqual(deleted(), wanted)
    }
  },
)
