import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { runDrills, type DrillTools } from '../../../../lib/checks/drills.mts'
import { drills } from '../../../../scripts/10_keybuzz/drills.mts'
import type { KeybuzzSettings } from '../../../../scripts/10_keybuzz/settings.mts'

// The drills on a world that is right, and on one that loses what they look for.

interface World {
  /** The status a request gets while pods are replaced. */
  readonly during?: number
  /** Pods the autoscaler has at each question, the last one for ever. */
  readonly pods?: readonly number[]
  /** Programs its image has. */
  readonly has?: readonly string[]
  /** The error of a program that makes its pod busy. */
  readonly breaks?: Error
}

function toolsOf({ during = 200, pods = [2, 2, 3, 2], has = ['node'], breaks }: World) {
  const rolled: string[] = []
  const busy: string[] = []
  const left = [...pods]
  let asked = 0
  const tools = {
    settings: {
      ENV: 'dev',
      API_HOST: 'api.dev.example.com',
      FRONT_HOST: 'app.dev.example.com',
      API_HEALTH: '/h',
      FRONT_HEALTH: '/',
    },
    http: {
      async ask() {
        await new Promise((resolve) => setTimeout(resolve, 2))
        asked += 1
        return { status: asked === 3 ? during : 200 }
      },
    },
    kube: {
      list: () =>
        Promise.resolve([
          { metadata: { name: 'api-1', labels: { 'app.kubernetes.io/component': 'api' } }, status: {} },
        ]),
      get: () => {
        const currentReplicas = left.length > 1 ? left.shift() : left[0]
        return Promise.resolve({
          spec: { minReplicas: 2, maxReplicas: 8 },
          status: { currentReplicas, conditions: [{ type: 'ScalingActive', status: 'True' }] },
        })
      },
    },
    breaking: {
      runIn({ metadata: { name } }: { metadata: { name: string } }, [program = '']: string[]) {
        if (!has.includes(program))
          return Promise.reject(
            new KitError(`exec: "${program}": executable file not found in $PATH`, {
              exitCode: exitCodes.rolloutFailed,
            }),
          )
        busy.push(`${name} ${program}`)
        return breaks === undefined ? Promise.resolve() : Promise.reject(breaks)
      },
      async rollOver(_namespace: string, name: string) {
        rolled.push(name)
        await new Promise((resolve) => setTimeout(resolve, 60))
      },
    },
    once: <T,>(_name: string, make: () => T) => make(),
  }
  return { tools: tools as unknown as DrillTools<KeybuzzSettings>, rolled, busy, requests: () => asked }
}

const runOne = async (id: string, world: World) => {
  const made = toolsOf(world)
  const [outcome] = await runDrills(
    drills.filter((drill) => drill.id === id),
    made.tools,
  )
  assert.ok(outcome !== undefined)
  return { ...made, outcome }
}

test('keybuzz.rollout: both are replaced under visitors, and none is lost', async () => {
  const { outcome, rolled } = await runOne('keybuzz.rollout', {})
  assert.equal(outcome.result, 'passed', outcome.evidence)
  assert.deepEqual(rolled, ['keybuzz-api', 'keybuzz-front'])
  assert.match(outcome.evidence, /api \d+ requests, front \d+ requests, none lost/)
})

test('keybuzz.rollout fails when one request of many is lost', async () => {
  const { outcome } = await runOne('keybuzz.rollout', { during: 502 })
  assert.equal(outcome.result, 'failed')
  assert.match(outcome.evidence, /api: 1 of \d+ requests lost, the first: 502/)
})

test(
  'keybuzz.scaling: busy pods bring more of them, idle ones are given back',
  { timeout: 60_000 },
  async () => {
    const { outcome, requests, busy } = await runOne('keybuzz.scaling', {})
    assert.equal(outcome.result, 'passed', outcome.evidence)
    assert.match(outcome.evidence, /from 2 to 3 pods; \d+ requests, none lost; then back to 2/)
    assert.deepEqual(busy, ['api-1 node'])
    const after = requests()
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(requests(), after)
  },
)

test('keybuzz.scaling fails when a request is lost meanwhile', { timeout: 60_000 }, async () => {
  const { outcome } = await runOne('keybuzz.scaling', { during: 503 })
  assert.equal(outcome.result, 'failed')
  assert.match(outcome.evidence, /lost 1 requests, the first: 503/)
})

test('keybuzz.scaling says when the image has nothing to be busy with', { timeout: 20_000 }, async () => {
  const { outcome } = await runOne('keybuzz.scaling', { has: [], pods: [2] })
  assert.equal(outcome.result, 'warning')
})

test(
  'keybuzz.scaling: a pod that cannot be reached fails this drill at once, and nothing else',
  { timeout: 20_000 },
  async () => {
    const { outcome } = await runOne('keybuzz.scaling', {
      pods: [2],
      breaks: new Error('the kubelet of api-1 does not answer'),
    })
    assert.deepEqual([outcome.result, outcome.evidence], ['failed', 'the kubelet of api-1 does not answer'])
  },
)

test('keybuzz.scaling says that nothing can be seen when all pods are there already', async () => {
  const { outcome } = await runOne('keybuzz.scaling', { pods: [8] })
  assert.equal(outcome.result, 'warning')
})
