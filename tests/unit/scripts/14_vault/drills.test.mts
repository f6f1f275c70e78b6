import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { createOnce, type Outcome } from '../../../../lib/checks/checks.mts'
import { runDrills, type DrillTools } from '../../../../lib/checks/drills.mts'
import { kubectlError } from '../../../../lib/kube/kubectl-errors.mts'
import {
  awayWithin,
  downWithin,
  drills,
  lostWithin,
  rotationWithin,
} from '../../../../scripts/14_vault/drills.mts'
import type { VaultSettings } from '../../../../scripts/14_vault/settings.mts'
import { startStandIn, type StandIn } from '../../vault/server.mts'
import type { LiveObject, Manifest, Pod } from '../../../../lib/kube/types.mts'
import { checkPod } from '../../../../scripts/14_vault/check-pod.mts'
import { podWithoutVault } from '../../../../scripts/14_vault/trial.mts'
import { images } from './settings.mts'
import { configured, pod, rightPods, settingsOf, toolsOf, type World } from './world.mts'

let vault: StandIn
before(async () => {
  vault = await startStandIn()
})
afterEach(() => vault.reset())
after(() => vault.stop())

/** Runs one drill. The injector is down between scaleDown and restore. @param world as it is while that lasts */
async function drillOf(
  id: string,
  world: World,
  whileDown: World = { down: true },
  all: typeof drills = drills,
) {
  configured(vault, settingsOf(vault), 'the-value-before')
  const done: string[] = []
  let now = toolsOf(vault, world)
  const down = toolsOf(vault, whileDown)
  const tools = {
    ...now,
    get kube() {
      return now.kube
    },
    once: createOnce(),
    breaking: {
      losePods: (namespace: string, names: readonly string[]) =>
        Promise.resolve(void done.push(`lost ${namespace}/${names.join()}`)),
      scaleDown(namespace: string, name: string) {
        done.push(`down ${namespace}/${name}`)
        now = down
        return Promise.resolve()
      },
      async withPod(pod: Manifest, observe: () => Promise<unknown>) {
        done.push(`pod ${pod.metadata?.name}`)
        now = down
        try {
          return await observe()
        } finally {
          now = toolsOf(vault, world)
          done.push('pod deleted')
        }
      },
      restore(namespace: string, name: string) {
        done.push(`restored ${namespace}/${name}`)
        return Promise.resolve()
      },
    },
  } as unknown as DrillTools<VaultSettings>
  const [outcome] = await runDrills(
    all.filter((drill) => drill.id === id),
    tools,
  )
  assert.ok(outcome, id)
  return { outcome, done }
}
const { passed, failed } = { passed: 'passed', failed: 'failed' } as const satisfies Record<
  string,
  Outcome['result']
>

test('after both pods were lost, injection works again', async () => {
  const { outcome, done } = await drillOf('vault.lost', {})
  assert.equal(outcome.result, passed)
  assert.deepEqual(done, ['lost vault-injector/vault-injector'])
})

test('without an injector a pod that asks is refused and another is made; the injector comes back', async () => {
  const { outcome, done } = await drillOf('vault.down', {})
  assert.equal(outcome.result, passed, outcome.evidence)
  assert.deepEqual(done, ['down vault-injector/vault-injector', 'restored vault-injector/vault-injector'])
})

test('a webhook that refuses every pod fails the drill, and the injector comes back', async () => {
  const { outcome, done } = await drillOf('vault.down', {}, { down: true, downForAll: true })
  assert.equal(outcome.result, failed)
  assert.match(outcome.evidence, /failed calling webhook/)
  assert.equal(done.at(-1), 'restored vault-injector/vault-injector')
})

for (const words of [
  'Unable to connect to the server: dial tcp 192.0.2.10:6443: connect: connection refused',
  'Error from server (Forbidden): pods is forbidden: User "ops" cannot create resource "pods"',
  'Error from server (InternalError): Internal error occurred: failed calling webhook "policies.example.com": x',
])
  test(`an error that is no refusal for want of the injector proves nothing: ${words}`, async () => {
    const { outcome, done } = await drillOf(
      'vault.down',
      {},
      { noTrial: kubectlError(['create'], { code: 1, stderr: words }) },
    )
    assert.equal(outcome.result, failed)
    assert.ok(outcome.evidence.includes(words), outcome.evidence)
    assert.equal(done.at(-1), 'restored vault-injector/vault-injector')
  })

test('a new value reaches the pod, and nothing but that value was written', async () => {
  const { outcome } = await drillOf('vault.rotation', {})
  assert.equal(outcome.result, passed)
  assert.deepEqual(vault.state.writes, ['POST kv/data/keybuzz/check'])
  const stored = vault.state.documents.get('kv/data/keybuzz/check') as { data: { value: string } }
  assert.match(stored.data.value, /^[0-9a-f]{36}$/)
  assert.ok(!JSON.stringify(outcome).includes(stored.data.value))
})

test('Vault refuses the new value: the drill fails with its words', async () => {
  const wrong = drillOf('vault.rotation', {})
  vault.wrong(({ method, path }) =>
    method === 'POST' && path === 'kv/data/keybuzz/check'
      ? { status: 403, json: { errors: ['permission denied'] } }
      : undefined,
  )
  const { outcome } = await wrong
  assert.equal(outcome.result, failed)
  assert.match(outcome.evidence, /refuses to write a new value of the checks: 403 permission denied/)
})

const drillPod = (state: object): LiveObject =>
  pod('keybuzz-drill', 'vault-check', 'drill', {
    initContainerStatuses: [{ name: 'vault-agent-init', ready: false, restartCount: 0, state }],
  })
const waits = {
  pods: [...rightPods(), drillPod({ running: { startedAt: new Date().toISOString() } })],
  log: 'dial tcp 127.0.0.1:9: connect: connection refused\nretrying\n',
}

test('while Vault is away a new pod waits with the cause in its log, the file stays, and the pod goes', async () => {
  const { outcome, done } = await drillOf('vault.away', {}, waits)
  assert.equal(outcome.result, passed, outcome.evidence)
  assert.match(outcome.evidence, /^dial tcp 127\.0\.0\.1:9/)
  assert.deepEqual(done, ['pod keybuzz-drill', 'pod deleted'])
})

const notWaiting: readonly (readonly [what: string, world: World, evidence: RegExp])[] = [
  [
    'a pod that starts without its values',
    { ...waits, pods: [...rightPods(), drillPod({ terminated: {} })] },
    /no pod waits/,
  ],
  ['an agent that does not say why', { ...waits, log: 'retrying\n' }, /no pod waits with a known line/],
  ['a running pod with another file', { ...waits, value: 'another' }, /another file/],
]
for (const [what, world, evidence] of notWaiting)
  test(`vault.away: ${what} fails the drill, and the pod goes`, async () => {
    const { outcome, done } = await drillOf('vault.away', {}, world, hasty)
    assert.equal(outcome.result, failed)
    assert.match(outcome.evidence, evidence)
    assert.equal(done.at(-1), 'pod deleted')
  })

test('the pod of that drill is none of the Deployment’s, asks at no Vault, and ends by itself', () => {
  const { spec } = checkPod(settingsOf(vault), images)
  const one = podWithoutVault({ spec } as never) as Pod
  assert.equal(one.spec?.activeDeadlineSeconds, 120)
  assert.equal(one.metadata?.annotations?.['vault.hashicorp.com/service'], 'https://127.0.0.1:9')
  assert.equal(one.metadata?.annotations?.['vault.hashicorp.com/role'], 'keybuzz-check')
  const { matchLabels = {} } = spec?.selector ?? {}
  assert.notDeepEqual({ ...one.metadata?.labels, ...matchLabels }, one.metadata?.labels)
})

/** The same drills, without their patience. */
const hasty = [rotationWithin(0), lostWithin(0), downWithin(0), awayWithin(0)]

test('an injector that does not come back fails the drill, with what the API server says', async () => {
  const { outcome } = await drillOf('vault.lost', { down: true }, {}, hasty)
  assert.equal(outcome.result, failed)
  assert.match(outcome.evidence, /no endpoints available/)
})

test('a pod that asks and is made without its secrets fails the drill, and the injector comes back', async () => {
  const { outcome, done } = await drillOf('vault.down', {}, { adds: () => [] }, hasty)
  assert.equal(outcome.result, failed)
  assert.match(outcome.evidence, /would start without them/)
  assert.equal(done.at(-1), 'restored vault-injector/vault-injector')
})

test('a file that does not follow fails the drill', async () => {
  const { outcome } = await drillOf('vault.rotation', { value: 'the-value-before' }, {}, hasty)
  assert.equal(outcome.result, failed)
  assert.match(outcome.evidence, /not after 0 s/)
})

test('every drill fails in a test, and keeps its patience otherwise', () =>
  assert.deepEqual(
    drills.map(({ id }) => id),
    hasty.map(({ id }) => id),
  ))
