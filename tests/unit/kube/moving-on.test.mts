import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createKubectl } from '../../../lib/kube/kubectl.mts'
import { watchKind } from '../../../lib/kube/watch.mts'
import { startApi, writeKubeconfig, type Serve } from './loopback-api.mts'

// The API server that `kubectl proxy` leads to ends, and another one answers: the real kubectl, two servers on loopback.

const pods = '/api/v1/namespaces/a/pods'
const pod = (name: string, resourceVersion: string) => ({ kind: 'Pod', metadata: { name, resourceVersion } })
const isWatch = (path: string) => path.startsWith(`${pods}?watch=true`)

/** Serves a list of these pods, and a watch that begins with one more. */
const serving =
  (listed: string, version: string, watched: string): Serve =>
  ({ path }) => {
    if (path === pods)
      return {
        body: { kind: 'PodList', metadata: { resourceVersion: version }, items: [pod(listed, version)] },
      }
    const object = pod(watched, String(Number(version) + 1))
    return isWatch(path) ? { body: { type: 'ADDED', object }, stays: true } : undefined
  }

/** kubectl by the first of two servers, which goes on by the other. */
async function twoServers(context: TestContext, served: Serve) {
  const [first, second] = [await startApi(serving('of-first', '10', 'new-first')), await startApi(served)]
  const clusterOf = ({ port }: { port: number }) => ({ server: `http://127.0.0.1:${port}` })
  const kubeconfig = writeKubeconfig({ first: clusterOf(first), second: clusterOf(second) })
  const other = () => Promise.resolve('second')
  const way = { context: 'first', another: other, avoid: other }
  const kubectl = createKubectl(['kubectl'], kubeconfig, way)
  let wake = () => {}
  const watched = watchKind(kubectl, 'pods', 'a', () => wake())
  context.after(() => watched.stop())
  const until = async (name: string) => {
    while (!watched.objects.has(name)) await new Promise<void>((resolve) => (wake = resolve))
  }
  await until('new-first')
  return { first, second, kubectl, watched, until }
}

test('when the API server ends, the next question is answered by another one within two seconds', async (context) => {
  const { first, kubectl } = await twoServers(context, serving('of-second', '20', 'new-second'))
  first.end()
  const started = performance.now()
  const [found] = await kubectl.api.list('pods', { namespace: 'a' })
  assert.ok(performance.now() - started < 2000)
  assert.equal(found?.metadata.name, 'of-second')
})

test('a watch goes on at the other server, from the version it has seen there, without a list', async (context) => {
  const { first, second, watched, until } = await twoServers(
    context,
    serving('of-second', '20', 'new-second'),
  )
  first.end()
  await until('new-second')
  assert.deepEqual([...watched.objects.keys()], ['of-first', 'new-first', 'new-second'])
  const query = second.asked[0]?.path.split('?')[1]
  assert.equal(new URLSearchParams(query).get('resourceVersion'), '11')
  assert.ok(!second.asked.some((one) => one.path === pods))
})

test('a watch of a server that is left, and has not ended, goes on at the other one', async (context) => {
  const { kubectl, second, watched, until } = await twoServers(
    context,
    serving('of-second', '20', 'new-second'),
  )
  await kubectl.avoid(['192.0.2.11'])
  await until('new-second')
  assert.deepEqual([...watched.objects.keys()], ['of-first', 'new-first', 'new-second'])
  assert.ok(!second.asked.some(({ path }) => path === pods))
})

test('where the other server no longer has that version (410), the watch lists anew', async (context) => {
  const fresh = serving('of-second', '20', 'new-second')
  const { first, watched, until } = await twoServers(context, (request) =>
    isWatch(request.path) && request.path.includes('resourceVersion=11')
      ? {
          code: 410,
          body: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' },
        }
      : fresh(request),
  )
  first.end()
  await until('new-second')
  assert.deepEqual([...watched.objects.keys()], ['of-second', 'new-second'])
})
