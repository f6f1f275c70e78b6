import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { DrillTools } from '../../../../lib/checks/drills.mts'
import type { Hosts } from '../../../../lib/hosts/hosts.mts'
import { drillsOn } from '../../../../scripts/09_k3s/drills.mts'
import type { K3sSettings } from '../../../../scripts/09_k3s/settings.mts'

// A master that is only written down: what is asked of it, and in which order.

interface World {
  masters?: number
  readyz?: string
  /** The timer of an earlier drill still runs. */
  armed?: boolean
  /** K3s came back while it should have been away. */
  cameBack?: boolean
  /** What the public name answers once the master is away. */
  status?: number
  /** What it answers before. */
  before?: number
}

// Nobody waits here: each look at the clock is two minutes later.
let minutes = 0
mock.method(performance, 'now', () => (minutes += 120_000))

async function drill(world: World) {
  const { masters = 3, readyz = 'ok', armed = false, cameBack = false, status = 200, before = 200 } = world
  const did: string[] = []
  const host = (name: string) => ({
    name,
    read: (words: string[]) => {
      const active = words.at(-1) === 'k3s' ? cameBack : armed
      return Promise.resolve({ code: active ? 0 : 3, stdout: '', stderr: '' })
    },
    change: (what: string) => Promise.resolve(void did.push(`${name}: ${what}`)),
  })
  const hosts = { masters: Array.from({ length: masters }, (_, at) => host(`master-0${at + 1}`)) }
  const ingress = { metadata: { namespace: 'n8n-dev' }, spec: { rules: [{ host: 'n8n.dev.example.com' }] } }
  const tools = {
    settings: { ENV: 'dev', DOMAIN: 'dev.example.com', INGRESS_NODE_PORT: 0 },
    kube: {
      raw: () => Promise.resolve(readyz),
      list: (kind: string) => Promise.resolve(kind.startsWith('ingresses') ? [ingress] : []),
    },
    http: {
      ask: () => Promise.resolve({ status: did.some((one) => one.endsWith('stop k3s')) ? status : before }),
    },
    breaking: { losePods: () => Promise.resolve(void did.push('a pod is replaced')) },
  } as unknown as DrillTools<K3sSettings>
  const until = () => Promise.resolve(void did.push('whole'))
  const [only] = drillsOn(() => Promise.resolve(hosts as unknown as Hosts), until)
  const answer = await only?.run(tools).catch((thrown: unknown) => thrown as Error)
  return { did, answer }
}

test('its undo is armed before a master is stopped, and disarmed after it is whole again', async () => {
  const { did, answer } = await drill({})
  assert.deepEqual(did, [
    'master-03: arm the start of k3s in 90 s',
    'master-03: stop k3s',
    'a pod is replaced',
    'master-03: start k3s',
    'whole',
    'master-03: disarm keybuzz-drill-undo',
  ])
  assert.ok(answer !== undefined && 'result' in answer && answer.result === 'passed')
})

test('the timer of a drill that was killed is taken away first', async () => {
  const { did } = await drill({ armed: true })
  assert.equal(did[0], 'master-03: disarm keybuzz-drill-undo')
})

for (const [what, world, evidence] of [
  ['an API that is not ready', { readyz: '[-]etcd failed' }, /the API: .*etcd failed/],
  ['an application that does not serve', { status: 502 }, /n8n\.dev\.example\.com: 502/],
  ['a master that came back too soon', { cameBack: true }, /too soon to tell/],
] as const) {
  test(`it fails on ${what}, and starts the master all the same`, async () => {
    const { did, answer } = await drill(world)
    assert.ok(answer !== undefined && 'result' in answer)
    assert.equal(answer.result, 'failed')
    assert.match(answer.evidence, evidence)
    assert.equal(did.at(-1), 'master-03: disarm keybuzz-drill-undo')
  })
}

test('two masters are not enough to take one away: nothing is stopped', async () => {
  const { did, answer } = await drill({ masters: 2 })
  assert.deepEqual(did, [])
  assert.ok(answer instanceof Error)
  assert.match(answer.message, /2 masters: one must not be away/)
})

test('an application that does not serve already is not blamed on the drill: nothing is stopped', async () => {
  const { did, answer } = await drill({ before: 503 })
  assert.deepEqual(did, [])
  assert.ok(answer !== undefined && 'result' in answer)
  assert.equal(answer.result, 'failed')
  assert.match(answer.evidence, /not begun: n8n\.dev\.example\.com: 503 with every master there/)
})
