import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Container, Pod } from '../../../../lib/kube/types.mts'
import { annotated, injectedPods } from './injected-pods.mts'
import { startInjectorApi, type InjectorApi } from './injector-api.mts'
import { ready, standIn, startInjector, unpackReal, withoutPart, type Injector } from './injector.mts'
import { opened, recorded, settingsOf, type Operation } from './opened-patch.mts'

// The stand-in of the injector against the real vault-k8s: the same pods, the same environment, the same answers.

interface Pair {
  readonly real: Injector
  readonly standIn: Injector
}

const options = { skip: withoutPart }
const methods = ['kubernetes', 'jwt'] as const
const folder = mkdtempSync(join(tmpdir(), 'keybuzz-real-injector-'))
const apis: Record<string, InjectorApi> = {}
const pairs: Record<string, Pair> = {}

before(async () => {
  if (withoutPart !== false) return
  const program = unpackReal(folder)
  await Promise.all(
    methods.map(async (method) => {
      const settings = settingsOf(method)
      const start = async (name: string, command: typeof program) => {
        const api = (apis[`${method} ${name}`] = await startInjectorApi(['pod-a']))
        const one = await startInjector(command, api, settings)
        await ready(one)
        return one
      }
      const [real, other] = await Promise.all([start('real', program), start('stand-in', standIn)])
      pairs[method] = { real, standIn: other }
    }),
  )
})
after(async () => {
  await Promise.all(Object.values(pairs).flatMap(({ real, standIn: other }) => [real.end(), other.end()]))
  await Promise.all(Object.values(apis).map((api) => api.close()))
  rmSync(folder, { recursive: true, force: true })
})

/** What both say of a pod; they must say the same. */
async function agreed(method: string, pod: object, namespace?: string): Promise<Record<string, unknown>> {
  const pair = pairs[method]
  assert.ok(pair)
  const [real, other] = await Promise.all([
    pair.real.review(pod, namespace),
    pair.standIn.review(pod, namespace),
  ])
  assert.deepEqual(opened(other), opened(real))
  return opened(real)
}

for (const method of methods) {
  test(`every pod of the kit that logs in by ${method}: the patch is the real one’s`, options, async () => {
    const pods = injectedPods(method)
    // Each module that takes secrets from Vault is among them.
    assert.deepEqual(
      new Set([...pods.keys()].map((name) => name.split(' ')[0])),
      new Set(['10_keybuzz', '11_chatwoot', '12_n8n', '13_superset', '14_vault', '15_llm']),
    )
    for (const [name, pod] of pods) {
      const { allowed, operations } = await agreed(method, pod)
      assert.ok(allowed, name)
      assert.ok((operations as Operation[]).length > 4, name)
    }
  })
}

test('what is recorded of the real one is what it answers', options, async () => {
  for (const method of methods) {
    const pod = injectedPods(method).get('14_vault check') as Pod
    assert.deepEqual(recorded()[method], await agreed(method, pod))
  }
})

const check = (): Pod => injectedPods('kubernetes').get('14_vault check') as Pod
const podWith = (change: (pod: Pod & { spec: NonNullable<Pod['spec']> }) => void): Pod => {
  const pod = structuredClone(check()) as Pod & { spec: NonNullable<Pod['spec']> }
  change(pod)
  return pod
}

test(
  'pods that no module has yet: own init containers, the agent’s last, several containers, other names',
  options,
  async () => {
    // As the API server sends them: with resources, empty too.
    // As the API server sends them: with resources, empty ones too.
    const own: Container[] = [
      { name: 'plain', image: 'x', resources: {} },
      { name: 'mounts', image: 'x', resources: {}, volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    ]
    const pods = {
      first: podWith(({ spec }) => (spec.initContainers = own)),
      last: annotated(
        podWith(({ spec }) => (spec.initContainers = own)),
        { 'agent-init-first': undefined },
      ),
      second: podWith(({ spec }) => spec.containers.unshift({ name: 'other', image: 'x' })),
      none: annotated(check(), { 'agent-inject-containers': 'other' }),
      upper: annotated(check(), {
        'agent-inject-secret-DB_PASS': 'kv/data/x',
        'agent-inject-template-DB_PASS': 'x',
        'agent-inject-perms-DB_PASS': '0440',
        'error-on-missing-key-DB_PASS': 'f',
      }),
      root: annotated(check(), { 'agent-run-as-user': '0' }),
      rootGroup: annotated(check(), { 'agent-run-as-group': '0' }),
      spoken: annotated(check(), { 'agent-inject': 'T', 'template-config-exit-on-retry-failure': '1' }),
      // The injector's own method and path.
      silent: annotated(check(), { 'auth-type': undefined, 'auth-path': undefined }),
    }
    for (const method of methods)
      for (const [name, pod] of Object.entries(pods))
        assert.ok((await agreed(method, pod))['operations'], name)
  },
)

test('pods that are left alone', options, async () => {
  const pods = [
    annotated(check(), { 'agent-inject': 'false' }),
    annotated(check(), { 'agent-inject-status': 'injected' }),
    podWith((pod) => delete pod.metadata?.annotations),
  ]
  for (const pod of pods) assert.deepEqual(await agreed('kubernetes', pod), { uid: 'u-1', allowed: true })
  const plain = annotated(check(), { 'agent-inject': undefined })
  assert.deepEqual(await agreed('kubernetes', plain, 'kube-system'), { uid: 'u-1', allowed: true })
})

test('pods that are refused, each in the same words', options, async () => {
  const refused: readonly (readonly [RegExp, Pod, string?])[] = [
    [/no Vault role found/, annotated(check(), { role: undefined })],
    [/cannot inject into system namespaces: kube-system/, check(), 'kube-system'],
    [/cannot inject into system namespaces: kube-public/, check(), 'kube-public'],
    [/parsing "maybe"/, annotated(check(), { 'agent-inject': 'maybe' })],
    [/parsing "x"/, annotated(check(), { 'agent-init-first': 'x' })],
    [/parsing "x"/, annotated(check(), { 'agent-pre-populate-only': 'x' })],
    [/parsing "x"/, annotated(check(), { 'error-on-missing-key-check': 'x' })],
    [/parsing "x"/, annotated(check(), { 'template-config-exit-on-retry-failure': 'x' })],
    [/ParseInt: parsing "x"/, annotated(check(), { 'agent-run-as-user': 'x' })],
    [/failed to find service account volume "vault-token"/, podWith(({ spec }) => delete spec.volumes)],
    [
      /failed to find tokenPath for projected volume/,
      podWith(({ spec }) => (spec.volumes = [{ name: 'vault-token', emptyDir: {} }])),
    ],
  ]
  for (const [words, pod, namespace] of refused) {
    const { allowed, status } = await agreed('kubernetes', pod, namespace)
    assert.equal(allowed, false)
    assert.match((status as { message: string }).message, words)
  }
})

test('requests that are no review: the same status and words', options, async () => {
  const pair = pairs['kubernetes'] as Pair
  const requests = [
    ['/health/ready', {}],
    ['/', {}],
    ['/mutate', {}],
    ['/mutate', { body: '{}', type: 'text/plain' }],
    ['/mutate', { body: '' }],
  ] as const
  for (const [path, more] of requests) {
    const [real, other] = await Promise.all([pair.real.ask(path, more), pair.standIn.ask(path, more)])
    assert.deepEqual([other.status, other.body.trim()], [real.status, real.body.trim()], path)
  }
})

test(
  'a first start writes the same objects in the same order, and each proves its certificate by the webhook',
  options,
  async () => {
    const [real, other] = ['real', 'stand-in'].map((name) => apis[`kubernetes ${name}`] as InjectorApi)
    assert.ok(real && other)
    assert.deepEqual(other.writes, real.writes)
    const pair = pairs['kubernetes'] as Pair
    for (const [one, api] of [
      [pair.real, real],
      [pair.standIn, other],
    ] as const)
      assert.equal((await one.ask('/health/ready', { ca: api.bundle() })).status, 204)
  },
)
