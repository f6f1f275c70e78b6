import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createOnce } from '../../../../lib/checks/checks.mts'
import { runDrills, type DrillTools } from '../../../../lib/checks/drills.mts'
import { drills } from '../../../../scripts/15_llm/drills.mts'
import type { LlmSettings } from '../../../../scripts/15_llm/settings.mts'
import { settingsFor } from './settings.mts'
import { startWorld, type Started, type World } from './world.mts'

let world: Started
before(async () => {
  world = await startWorld()
})
after(() => world.stop())

/** Runs one drill; losing pods does what the test says. */
async function drillOf(id: string, lost: string[], onLoss: () => void = () => {}, more: World = {}) {
  const tools = {
    ...world.tools(more),
    once: createOnce(),
    breaking: {
      losePods(namespace: string, workloads: readonly string[]) {
        lost.push(...workloads.map((one) => `${namespace} ${one}`))
        onLoss()
        return Promise.resolve()
      },
    },
  } as unknown as DrillTools<LlmSettings>
  const [outcome] = await runDrills(
    drills.filter((drill) => drill.id === id),
    tools,
  )
  assert.ok(outcome)
  return outcome
}

test('a stored credential is read again after every pod was lost, and removed', async () => {
  const lost: string[] = []
  world.state.credentials.set('keybuzz-check-old', {})
  world.state.credentials.set('theirs', {})
  const { result } = await drillOf('litellm.salt', lost)
  assert.equal(result, 'passed')
  assert.deepEqual(lost, ['llm-dev litellm'])
  assert.deepEqual([...world.state.credentials.keys()], ['theirs'])
  world.state.credentials.clear()
})

test('another salt key: what is shown is another value, and it is called by its name', async () => {
  const spoil = () => {
    for (const name of world.state.credentials.keys())
      world.state.credentials.set(name, { api_key: 'v2****Q=' })
  }
  const { result, evidence } = await drillOf('litellm.salt', [], spoil)
  assert.equal(result, 'failed')
  assert.match(evidence, /another value: the new pods have another LITELLM_SALT_KEY than the old ones$/)
})

test('an answer that is no JSON fails the drill with its beginning', async () => {
  const { kube } = world.tools({})
  const runIn: typeof kube.runIn = (pod, argv, options) =>
    argv.at(-1)?.includes('/by_name/') === true
      ? Promise.resolve(JSON.stringify([{ status: 200, text: '<html>a page</html>' }]))
      : kube.runIn(pod, argv, options)
  const tools = { ...world.tools({}), kube: { ...kube, runIn }, once: createOnce(), breaking: {} }
  const [outcome] = await runDrills(
    drills.filter(({ id }) => id === 'litellm.salt'),
    tools as unknown as DrillTools<LlmSettings>,
  )
  assert.equal(outcome?.result, 'failed')
  assert.equal(outcome.evidence, 'show a stored credential: 200 <html>a page</html>')
})

test('a point is found after the pod of Qdrant was lost; without its volume it is not', async () => {
  const lost: string[] = []
  assert.equal((await drillOf('qdrant.restart', lost)).result, 'passed')
  assert.deepEqual(lost, ['llm-dev statefulset/qdrant'])
  const { result, evidence } = await drillOf('qdrant.restart', [], () => {
    for (const name of world.state.collections.keys()) world.state.collections.set(name, [])
  })
  assert.equal(result, 'failed')
  assert.match(evidence, /after the pod was lost the search found \[\]/)
  assert.equal(world.state.collections.size, 0)
})

test('with an external vector store no pod is lost', async () => {
  const lost: string[] = []
  const settings = settingsFor({ VECTOR_STORE_URL: 'https://vectors.example.com' }, 'dev')
  assert.equal((await drillOf('qdrant.restart', lost, () => {}, { settings })).result, 'passed')
  assert.deepEqual(lost, [])
})
