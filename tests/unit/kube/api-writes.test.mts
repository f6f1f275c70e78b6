import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { exitCodes } from '../../../lib/base/errors.mts'
import { redact, sensitive } from '../../../lib/base/sensitive.mts'
import { interruption } from '../../../lib/base/signals.mts'
import { evictPod } from '../../../lib/kube/evict.mts'
import { createWrites } from '../../../lib/base/writes.mts'
import { ObjectModified } from '../../../lib/kube/server-errors.mts'
import type { LiveObject } from '../../../lib/kube/types.mts'
import { serveApi, status, type Serve } from './served-api.mts'

// What is written to the API server, and what becomes of its answers.

const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'env', namespace: 'a' } } as const
const echo: Serve = (_path, written) => ({ body: { ...(written?.body as object), ...map } })

test('apply: a PATCH of one object by its manager, conflicts overruled; a dry run asks for one', async () => {
  const { kubectl, written } = await serveApi((_path, sent) => ({
    body: {
      ...(sent?.body as object),
      metadata: { ...map.metadata, managedFields: [{ manager: 'keybuzz' }] },
    },
  }))
  const live = await kubectl.api.apply(map, { manager: 'keybuzz', dryRun: false })
  assert.equal(live.metadata.managedFields?.length, 1)
  await kubectl.api.apply(map, { manager: 'keybuzz-handover', dryRun: true })
  assert.deepEqual(
    written.map(({ method, path, type }) => [method, path, type]),
    [
      [
        'PATCH',
        '/api/v1/namespaces/a/configmaps/env?fieldManager=keybuzz&force=true&fieldValidation=Ignore',
        'application/apply-patch+yaml',
      ],
      [
        'PATCH',
        '/api/v1/namespaces/a/configmaps/env?fieldManager=keybuzz-handover&force=true&fieldValidation=Ignore&dryRun=All',
        'application/apply-patch+yaml',
      ],
    ],
  )
  assert.deepEqual(written[0]?.body, map)
})

test('an object that is in no namespace, and one whose name needs encoding', async () => {
  const { kubectl, written } = await serveApi((_path, sent) => ({ body: sent?.body }))
  await kubectl.api.apply(
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a/b', namespace: 'x' } },
    { manager: 'keybuzz', dryRun: false },
  )
  assert.match(written[0]?.path ?? '', /^\/api\/v1\/nodes\/a%2Fb\?/)
})

test('create is a POST to the kind, replace a PUT of the object; both give what is stored', async () => {
  const { kubectl, written } = await serveApi(echo)
  await kubectl.api.create(map, { dryRun: true })
  assert.equal((await kubectl.api.replace(map)).metadata.name, 'env')
  assert.deepEqual(
    written.map(({ method, path }) => `${method} ${path}`),
    [
      'POST /api/v1/namespaces/a/configmaps?dryRun=All&fieldValidation=Ignore',
      'PUT /api/v1/namespaces/a/configmaps/env?fieldValidation=Ignore',
    ],
  )
})

test('a deletion names the object by its uid: one that is gone, and another one of its name, are not deleted', async () => {
  const answers = [
    { body: { kind: 'Status', status: 'Success' } },
    status(404, 'NotFound', 'configmaps "env" not found'),
    status(409, 'Conflict', 'Precondition failed: UID in precondition: 1, UID in object meta: 2'),
  ]
  const { kubectl, written } = await serveApi(() => answers.shift())
  const object = { ...map, metadata: { ...map.metadata, uid: '1' } }
  assert.deepEqual(
    [
      await kubectl.api.remove(object, true),
      await kubectl.api.remove(object, false),
      await kubectl.api.remove(object, false),
    ],
    [true, false, false],
  )
  assert.equal(written[0]?.path, '/api/v1/namespaces/a/configmaps/env')
  assert.deepEqual(
    written.map(({ body }) => body),
    ['Foreground', 'Background', 'Background'].map((propagationPolicy) => ({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy,
      preconditions: { uid: '1' },
    })),
  )
})

test('a deletion of an object without a uid that is refused with 409 is an error: nothing says that it is another', async () => {
  const { kubectl } = await serveApi(() => status(409, 'Conflict', 'a finalizer of ours says no'))
  await assert.rejects(kubectl.api.remove(map, false), { exitCode: exitCodes.rolloutFailed })
})

test('a deletion by a selector names kind and namespace', async () => {
  const { kubectl, written } = await serveApi(() => ({ body: { kind: 'Status' } }))
  await kubectl.api.removeAll('pods', 'a', 'app=web,part in (x)')
  assert.equal(
    `${written[0]?.method} ${written[0]?.path}`,
    'DELETE /api/v1/namespaces/a/pods?labelSelector=app%3Dweb%2Cpart%20in%20(x)',
  )
  // It would select every pod.
  await assert.rejects(kubectl.api.removeAll('pods', 'a', ''), /without a selector/)
  assert.equal(written.length, 1)
})

test('an object that another client has written since is ObjectModified: exit 5', async () => {
  const words =
    'Operation cannot be fulfilled on configmaps "env": the object has been modified; please apply your changes to the latest version and try again'
  const { kubectl } = await serveApi(() => status(409, 'Conflict', words))
  await assert.rejects(
    kubectl.api.apply(map, { manager: 'keybuzz', dryRun: false }),
    (thrown) => thrown instanceof ObjectModified,
  )
})

test('a webhook that does not name what it denies: the object that was sent is named, and none of its values', async () => {
  sensitive('planted-write-1')
  const words = 'admission webhook "w.example.com" denied the request: no planted-write-1'
  const { kubectl } = await serveApi(() => status(403, '', words))
  const secret = { ...map, kind: 'Secret', data: { key: 'planted-write-1' } }
  await assert.rejects(kubectl.api.apply(secret, { manager: 'keybuzz', dryRun: false }), (thrown) => {
    const { message, details, exitCode } = thrown as { message: string; details: string[]; exitCode: number }
    assert.match(message, /w\.example\.com of the cluster denies Secret a\/env$/)
    assert.equal(exitCode, exitCodes.denied)
    assert.doesNotMatch(redact(details.join('\n')), /planted/)
    return true
  })
})

test('what may be repeated is sent again when its answer is lost; what may not, once', async () => {
  let sent = 0
  const { kubectl, cut } = await serveApi((path, written) => {
    if (written === undefined) return { body: { kind: 'PodList', items: [] } }
    sent += 1
    if (sent % 2 === 1) return void setTimeout(20).then(cut)
    return echo(path, written)
  })
  await kubectl.api.list('pods')
  await kubectl.api.apply(map, { manager: 'keybuzz', dryRun: false })
  assert.equal(sent, 2)
  await assert.rejects(kubectl.api.create(map, { once: true }), { exitCode: exitCodes.unreachable })
  assert.equal(sent, 3)
})

test('a server that wants a write later gets it later; one that is sent once is not repeated', async () => {
  let sent = 0
  const busy = status(429, 'TooManyRequests', 'received too many requests', { 'retry-after': '0' })
  const { kubectl } = await serveApi((path, written) => ((sent += 1) % 2 === 1 ? busy : echo(path, written)))
  await kubectl.api.replace(map)
  assert.equal(sent, 2)
  await assert.rejects(kubectl.api.replace(map, { once: true }), { exitCode: exitCodes.unreachable })
  assert.equal(sent, 3)
})

test('a write with little time waits for none of those under way', async () => {
  const { kubectl, cut } = await serveApi((path, written) =>
    written?.method === 'POST' ? undefined : echo(path, written),
  )
  const others = Promise.allSettled(Array.from({ length: 25 }, () => kubectl.api.create(map, { once: true })))
  await setTimeout(100)
  const started = performance.now()
  await kubectl.api.replace(map, { timeoutSeconds: 10 })
  assert.ok(performance.now() - started < 5000)
  const cutting = setInterval(cut, 20)
  await others
  clearInterval(cutting)
})

test('an eviction is one POST that names the pod by its uid; a budget’s no is an answer, at once', async () => {
  const words = 'Cannot evict pod as it would violate the pod’s disruption budget.'
  const { kubectl, written } = await serveApi(() =>
    status(
      429,
      'TooManyRequests',
      words,
      { 'retry-after': '10' },
      { causes: [{ reason: 'DisruptionBudget' }] },
    ),
  )
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'dns', namespace: 'a', uid: '7' },
  } as LiveObject
  const writes = createWrites({ planning: false, guard: () => Promise.resolve() })
  await assert.rejects(evictPod(kubectl, writes, pod), {
    exitCode: exitCodes.rolloutFailed,
    message: 'a PodDisruptionBudget does not allow Eviction a/dns',
    details: [`Error from server (TooManyRequests): ${words}`],
  })
  assert.deepEqual(
    written.map(({ path, body }) => [path, (body as { deleteOptions: object }).deleteOptions]),
    [['/api/v1/namespaces/a/pods/dns/eviction', { preconditions: { uid: '7' } }]],
  )
})

test('what a run gives back is sent after Ctrl-C too; nothing else is: exit 130', async () => {
  const { kubectl, written, proxies } = await serveApi(echo)
  await kubectl.api.replace(map)
  interruption.listen()
  process.kill(process.pid, 'SIGINT')
  while (!interruption.signal.aborted) await setTimeout(10)
  await assert.rejects(kubectl.api.replace(map), { exitCode: exitCodes.interrupted })
  await kubectl.api.replace(map, { runDespiteInterrupt: true })
  assert.equal(written.length, 2)
  // systemd ends every process of a unit, also the proxy.
  for (const { id } of proxies()) process.kill(id)
  await setTimeout(100)
  await kubectl.api.replace(map, { runDespiteInterrupt: true })
  assert.equal(written.length, 3)
})
