import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes } from '../../../lib/base/errors.mts'
import type { Manifest } from '../../../lib/kube/types.mts'
import { serveApi, status, type Serve } from './served-api.mts'

// What is asked for, and what becomes of the answers. tests/unit/kube/api-faults.test.mts has what goes wrong.

const pod = (name: string, more: object = {}) => ({
  metadata: { name, managedFields: [{ manager: 'kubelet' }], ...more },
})
const missing = status(404, 'NotFound', 'pods "none" not found')

const serve: Serve = (path) => {
  const [plain] = path.split('?')
  if (plain?.endsWith('/pods'))
    return { body: { kind: 'PodList', apiVersion: 'v1', items: [pod('b'), pod('a')] } }
  if (plain?.endsWith('/nodes')) return { body: { kind: 'NodeList', apiVersion: 'v1', items: null } }
  if (plain?.endsWith('/deployments'))
    return {
      body: {
        kind: 'DeploymentList',
        apiVersion: 'apps/v1',
        items: [{ spec: { b: 1, a: 2 }, metadata: { name: 'd' } }],
      },
    }
  if (plain?.endsWith('/pods/a')) return { body: { kind: 'Pod', apiVersion: 'v1', ...pod('a') } }
  return plain?.endsWith('/proxy/health') ? { body: 'well', headers: { 'audit-id': '1' } } : missing
}

test('the paths of lists: namespaced kinds and others, selectors, several kinds in their order', async () => {
  const { kubectl, asked } = await serveApi(serve)
  const found = await kubectl.api.list('deployments.apps,nodes,pods', {
    namespace: 'a',
    selector: 'app=x,part in (web)',
  })
  const query = '?labelSelector=app%3Dx%2Cpart%20in%20(web)'
  assert.deepEqual(asked.toSorted(), [
    `/api/v1/namespaces/a/pods${query}`,
    `/api/v1/nodes${query}`,
    `/apis/apps/v1/namespaces/a/deployments${query}`,
  ])
  assert.deepEqual(
    found.map(({ kind, apiVersion, metadata }) => `${apiVersion} ${kind} ${metadata.name}`),
    ['apps/v1 Deployment d', 'v1 Pod b', 'v1 Pod a'],
  )
  asked.length = 0
  await kubectl.api.list('pods')
  assert.deepEqual(asked, ['/api/v1/pods'])
})

test('objects come as kubectl prints them: keys in order, managedFields only where they are asked for', async () => {
  const { kubectl } = await serveApi(serve)
  const [deployment] = await kubectl.api.list('deployments.apps')
  assert.equal(JSON.stringify(deployment?.['spec']), '{"a":2,"b":1}')
  const [without] = await kubectl.api.list('pods')
  assert.deepEqual(without?.metadata, { name: 'b' })
  const [having] = await kubectl.api.list('pods', { managedFields: true })
  assert.equal(having?.metadata.managedFields?.length, 1)
})

test('one object, or none; those of a batch that exist, with managedFields, in the namespace kubectl would take', async () => {
  const { kubectl, asked } = await serveApi(serve)
  assert.deepEqual((await kubectl.api.get('pods', 'a', 'x'))?.metadata, { name: 'a' })
  assert.equal(await kubectl.api.get('pods', 'none', 'x'), undefined)
  assert.equal(await kubectl.api.get('nodes', 'none', 'x'), undefined)
  const batch = [
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'none', namespace: 'x' } },
  ]
  const found = await kubectl.api.find(batch)
  assert.deepEqual(
    found.map(({ metadata }) => [metadata.name, metadata.managedFields?.length]),
    [['a', 1]],
  )
  assert.deepEqual(asked.slice(0, 3), [
    '/api/v1/namespaces/x/pods/a',
    '/api/v1/namespaces/x/pods/none',
    '/api/v1/nodes/none',
  ])
  assert.deepEqual(asked.slice(3).toSorted(), [
    '/api/v1/namespaces/default/pods/a',
    '/apis/apps/v1/namespaces/x/deployments/none',
  ])
})

test('where the kinds of a group are is asked once a run; one kubectl proxy answers all', async () => {
  const { kubectl, discovered, proxies } = await serveApi(serve)
  for (let turns = 0; turns < 3; turns += 1)
    await Promise.all([kubectl.api.list('deployments.apps'), kubectl.api.get('deployments.apps', 'd', 'a')])
  assert.deepEqual(discovered, ['/apis/apps', '/apis/apps/v1'])
  assert.deepEqual(
    proxies().map(({ context }) => context),
    ['test'],
  )
})

test('a kind the cluster does not have: exit 9 with its name, and asked for again when it may be there', async () => {
  const { kubectl, asked } = await serveApi(serve)
  const no = { exitCode: exitCodes.rolloutFailed, message: /^the cluster has no kind rockets/ }
  for (const kind of ['rockets.example.com', 'rockets.apps', 'rockets', 'rockets.example.com'])
    await assert.rejects(kubectl.api.list(kind), no)
  await assert.rejects(kubectl.api.get('rockets', 'x'), no)
  assert.deepEqual(asked, ['/apis/example.com', '/apis/apps/v1beta9', '/apis/example.com'])
  const rocket: Manifest = { apiVersion: 'example.com/v1', kind: 'Rocket', metadata: { name: 'x' } }
  await assert.rejects(kubectl.api.find([rocket]), {
    exitCode: exitCodes.rolloutFailed,
    message: 'the cluster has no kind Rocket of example.com/v1',
    details: ['It is that of the object x.'],
  })
})

test('kinds that may not be there yet have no objects, unlike those that must be', async () => {
  const { kubectl } = await serveApi(serve)
  assert.deepEqual(await kubectl.api.list('rockets.example.com', { ifDefined: true }), [])
  const there = await kubectl.api.list('deployments.apps', {})
  assert.ok(there.length > 0)
  assert.deepEqual(await kubectl.api.list('deployments.apps,rockets.example.com', { ifDefined: true }), there)
})

test('a path gives its text, and an absent one is exit 9', async () => {
  const { kubectl, asked } = await serveApi(serve)
  assert.equal(await kubectl.api.raw('/api/v1/namespaces/x/pods/a:80/proxy/health'), 'well')
  await assert.rejects(kubectl.api.raw('/nowhere'), {
    exitCode: exitCodes.rolloutFailed,
    details: ['Error from server (NotFound): pods "none" not found'],
  })
  await assert.rejects(kubectl.api.raw('/a b/é?x=%20'), { exitCode: exitCodes.rolloutFailed })
  assert.equal(asked.at(-1), '/a%20b/%C3%A9?x=%20')
})

test('a redirect is followed within the API server, whatever host it names', async () => {
  const { kubectl, asked } = await serveApi((path) =>
    path === '/there?x=1'
      ? { body: 'arrived' }
      : { code: 302, body: '', headers: { location: 'http://elsewhere.example/there?x=1' } },
  )
  assert.equal(await kubectl.api.raw('/here'), 'arrived')
  assert.deepEqual(asked, ['/here', '/there?x=1'])
})

test('what is no list, no object and no JSON is exit 3', async () => {
  for (const body of [
    'welcome',
    { kind: 'PodList', items: [{}] },
    { kind: 'PodList', items: 'many' },
    null,
    [1],
  ]) {
    const { kubectl } = await serveApi(() => ({ body }))
    await assert.rejects(kubectl.api.list('pods'), { exitCode: exitCodes.preflight })
    await assert.rejects(kubectl.api.get('pods', 'a', 'x'), { exitCode: exitCodes.preflight })
  }
})
