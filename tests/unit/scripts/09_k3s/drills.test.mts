import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { Cancelled, exitCodes } from '../../../../lib/base/errors.mts'
import { application, budget, drill, type World } from './drill-world.mts'

// Nobody waits here: each look at the real clock is two minutes later.
let minutes = 0
mock.method(performance, 'now', () => (minutes += 120_000))

/** Which machines were stopped, in order. */
const stopped = (did: readonly string[]): string[] =>
  did.filter((one) => one.includes(' and its pods at once')).map((one) => one.split(':')[0] ?? '')

test('one machine: its undo is armed before it is stopped, and disarmed after it is healthy; then the cluster is whole', async () => {
  const { did, answer } = await drill({ limit: ['master-03'] })
  assert.deepEqual(did, [
    'avoid 10.0.0.3, 198.51.100.3',
    'master-03: arm the start of k3s in 180 s',
    'master-03: end k3s and its pods at once',
    'master-03: start k3s',
    'no more writes',
    'until master-03',
    'master-03: disarm keybuzz-drill-undo',
    'avoid nothing',
    'until the cluster',
    'until DNS and metrics on their nodes',
  ])
  // One machine does not prove that any one may be away.
  assert.equal(answer.result, 'warning', answer.evidence)
  assert.match(answer.evidence, /not stopped: master-01, master-02, worker-01, worker-02 \(not in --limit\)$/)
})

test('all machines: workers first, masters last, the first master at the end; never two at once', async () => {
  const { did, answer } = await drill({})
  assert.deepEqual(stopped(did), ['worker-02', 'worker-01', 'master-03', 'master-02', 'master-01'])
  const started = did.filter((one) => /: (start k3s|end k3s)/.test(one)).map((one) => one.includes('start'))
  assert.deepEqual(
    started,
    started.map((_, at) => at % 2 === 1),
  )
  assert.ok(did.includes('worker-02: arm the start of k3s-agent in 180 s'))
  assert.equal(answer.result, 'passed')
})

test('the timer of a drill that was killed is taken away first', async () => {
  const { did } = await drill({ limit: ['worker-01'], isArmed: true })
  assert.equal(did[1], 'worker-01: disarm keybuzz-drill-undo')
})

const both = application('web', ['worker-01', 'worker-02'])
const metricsFor = (seconds: number) => (what: string, second: number) =>
  !what.includes('metrics') || second >= seconds

test('the seconds each was away are counted, machine by machine', async () => {
  const { answer } = await drill({
    limit: ['worker-01', 'worker-02'],
    objects: both,
    answers: (what, second, machine) =>
      metricsFor(14)(what, second) &&
      // Every other request is lost until the endpoint is gone.
      (machine !== 'worker-02' || !what.startsWith('web') || second >= 20 || second % 2 === 1),
  })
  assert.equal(answer.result, 'warning', answer.evidence)
  assert.equal(
    answer.evidence,
    [
      'worker-02: metrics 14 s; web.dev.example.com 10 s; names, ingress of other nodes, the canary, API, a write 0 s',
      'worker-01: metrics 14 s; names, ingress of other nodes, the canary, API, a write, web.dev.example.com 0 s',
      'not stopped: master-01, master-02, master-03 (not in --limit)',
    ].join('. '),
  )
})

for (const [what, world, evidence] of [
  ['metrics', { answers: metricsFor(70) }, /^metrics was away for 70 s, at most 60, without worker-01\./],
  [
    'the API',
    { answers: (what: string, second: number) => what !== '/readyz' || second >= 30 },
    /^API was away for 30 s, at most 20/,
  ],
  [
    'writes',
    { answers: (what: string, second: number) => what !== 'write' || second >= 21 },
    /^a write was away for 21 s, at most 20/,
  ],
  [
    'names of the cluster',
    { seen: (item: string, second: number) => item !== 'names' || ![40, 60].includes(second) },
    /^names was away for 2 s, at most 1/,
  ],
  [
    'the ingress of a node',
    { seen: (item: string, second: number) => item !== 'page=10.0.0.2:80' || second > 6 },
    /^ingress of master-02 was away for 7 s, at most 5/,
  ],
  [
    'a public name with two pods',
    { answers: (what: string, second: number) => !what.startsWith('web') || second >= 80 },
    /^web\.dev\.example\.com was away for 80 s, at most 60/,
  ],
  [
    'what does not come back',
    { answers: (what: string, second: number) => !what.startsWith('web') || second < 95 },
    /^web\.dev\.example\.com was not back after 100 s/,
  ],
  ['a machine that came back too soon', { isEarly: 'active' }, /^worker-01 came back within 100 s: too soon/],
  ['one that starts too soon', { isEarly: 'activating' }, /^worker-01 came back within 100 s: too soon/],
] satisfies [string, World, RegExp][]) {
  test(`it fails on ${what}, by its name, and starts the machine all the same`, async () => {
    const { did, answer } = await drill({ limit: ['worker-01'], objects: both, ...world })
    assert.equal(answer.result, 'failed')
    assert.match(answer.evidence, evidence)
    assert.ok(did.includes('worker-01: start k3s-agent'))
    assert.ok(did.includes('worker-01: disarm keybuzz-drill-undo'))
  })
}

test('a single lost packet is no lost name', async () => {
  const seen = (item: string, second: number) => item !== 'names' || second !== 40
  const { answer } = await drill({ seen })
  assert.equal(answer.result, 'passed', answer.evidence)
})

test('what exceeds its bound without one machine does not keep the others from being asked', async () => {
  const { did, answer } = await drill({
    limit: ['worker-01', 'worker-02'],
    answers: (what, second, machine) => machine !== 'worker-02' || metricsFor(70)(what, second),
  })
  assert.deepEqual(stopped(did), ['worker-02', 'worker-01'])
  assert.match(answer.evidence, /^metrics was away for 70 s, at most 60, without worker-02\. worker-02: /)
})

test('an application whose only pod is there has 90 s; one with its data there waits for the machine', async () => {
  const only = (claim: boolean) => ({
    limit: ['worker-01'],
    objects: application('web', ['worker-01'], { claim }),
    answers: (what: string, second: number) =>
      !/web\.dev|deployments\/web/.test(what) || (!claim && second >= 85),
  })
  const replaced = await drill(only(false))
  assert.equal(replaced.answer.result, 'warning', replaced.answer.evidence)
  assert.match(replaced.answer.evidence, /web\.dev\.example\.com 85 s; deployment\/web 85 s/)
  const waiting = await drill(only(true))
  assert.equal(waiting.answer.result, 'warning', waiting.answer.evidence)
  assert.match(
    waiting.answer.evidence,
    /web\.dev\.example\.com, deployment\/web waited for the machine, where the data is/,
  )
})

test('public names are not asked through the machine that is away', async () => {
  const entries = async (name: string, more: World = {}) => {
    const { asked } = await drill({ limit: [name], objects: both, ...more })
    return new Set(asked.filter((one) => one.includes(' at ')).map((one) => one.split(' at ')[1]))
  }
  assert.deepEqual(await entries('worker-01'), new Set(['10.0.0.22:80']))
  assert.deepEqual(await entries('worker-02'), new Set(['10.0.0.21:80']))
  // Another node has the ingress on the same port; without addresses the load balancer is asked.
  assert.deepEqual(
    await entries('worker-01', { ingressAddresses: '10.0.0.21:8080' }),
    new Set(['10.0.0.22:8080']),
  )
  assert.deepEqual(await entries('worker-01', { ingressAddresses: '' }), new Set())
})

test('pods that came to share a node are brought apart before the next machine: the youngest goes', async () => {
  const { did } = await drill({
    limit: ['worker-01'],
    objects: application('web', ['worker-02', 'worker-02']),
  })
  assert.deepEqual(did.slice(did.indexOf('until the cluster')), [
    'until the cluster',
    'evict web-1',
    'until the cluster',
    'until DNS and metrics on their nodes',
  ])
})

test('each eviction waits until the one before is replaced', async () => {
  const [web, api] = ['web', 'api'].map((name) => application(name, ['worker-02', 'worker-02']))
  const objects = {
    pods: [...(web?.pods ?? []), ...(api?.pods ?? [])],
    'deployments.apps': [...(web?.['deployments.apps'] ?? []), ...(api?.['deployments.apps'] ?? [])],
  }
  const { did } = await drill({ limit: ['worker-01'], objects })
  assert.deepEqual(did.slice(did.indexOf('until the cluster')), [
    'until the cluster',
    'evict web-1',
    'until the cluster',
    'evict api-1',
    'until the cluster',
    'until DNS and metrics on their nodes',
  ])
})

test('pods that share a node stay there when no other node has room for one of them', async () => {
  const { did } = await drill({
    limit: ['worker-01'],
    objects: application('web', ['worker-02', 'worker-02'], { cpu: '5' }),
  })
  assert.deepEqual(
    did.filter((one) => one.startsWith('evict')),
    [],
  )
})

for (const [lacking, left] of [
  ['traefik', /the cluster did not become ready: the ingress: 4 of 5 nodes; not stopped any more: worker-01/],
  ['coredns', /the cluster did not become ready: .*coredns.*; not stopped any more: worker-01/],
  ['probe', /the cluster did not become ready: a probe on every node: 4 of 5 nodes; not stopped/],
] as const) {
  test(`the next machine stays while a node has no ready pod of ${lacking}`, async () => {
    const { did, answer } = await drill({ limit: ['worker-01', 'worker-02'], lacking })
    assert.deepEqual(stopped(did), ['worker-02'])
    assert.match(answer.evidence, left)
  })
}

test('an ingress that is not of the kit is not waited for', async () => {
  const { answer } = await drill({ lacking: 'traefik', ingressController: 'existing' })
  assert.equal(answer.result, 'passed', answer.evidence)
})

for (const stuck of ['worker-02', 'the cluster']) {
  test(`when ${stuck} does not come back the next machine is left alone`, async () => {
    const { did, answer } = await drill({ limit: ['worker-01', 'worker-02'], stuck })
    assert.deepEqual(stopped(did), ['worker-02'])
    assert.equal(answer.result, 'failed')
    assert.match(answer.evidence, /did not become ready: it does not come; not stopped any more: worker-01/)
  })
}

test('Ctrl-C while a machine is away starts it at once and ends the run', async () => {
  let asked = 0
  const { did, answer } = await drill({
    limit: ['worker-01'],
    answers: () => {
      asked += 1
      if (asked === 20) throw new Cancelled()
      return true
    },
  })
  assert.equal(answer.exitCode, exitCodes.interrupted)
  assert.deepEqual(did.slice(-3), ['worker-01: start k3s-agent', 'no more writes', 'avoid nothing'])
})

test('a machine that could not be stopped entirely is started again', async () => {
  const { did, answer } = await drill({
    limit: ['worker-01'],
    onDone: (what) => {
      if (what.includes('at once')) throw new Error('processes of pods do not end')
    },
  })
  assert.match(answer.evidence, /processes of pods do not end/)
  assert.deepEqual(did.slice(-3), ['worker-01: start k3s-agent', 'no more writes', 'avoid nothing'])
})

test('a machine that cannot be told to start is left to its timer, and the run says so', async () => {
  const { answer } = await drill({
    limit: ['worker-01'],
    onDone: (what) => {
      if (what.includes('start k3s-agent')) throw new Error('the connection is lost')
      if (what === 'no more writes') throw new Error('not to be said instead')
    },
  })
  assert.match(
    answer.evidence,
    /could not be started again; the connection is lost; Its timer .* within 180 s/,
  )
})

for (const [what, world, detail] of [
  ['a node is not Ready', { notReady: 'master-02' }, /^Node master-02 is not Ready/],
  ['a host cannot be connected to', { lost: ['worker-01'] }, /^worker-01 cannot be connected to/],
  ['a node has no probe', { withoutProbe: 'worker-02' }, /^no probe runs on worker-02/],
  [
    'a budget has nothing to spare',
    { objects: { 'poddisruptionbudgets.policy': [budget(0)] } },
    /^PodDisruptionBudget keybuzz\/api has nothing to spare/,
  ],
  ['one master is alone', { masters: 1, workers: 0 }, /^no machine may be away: the masters \(1: /],
] satisfies [string, World, RegExp][]) {
  test(`nothing is stopped when ${what}: exit 3`, async () => {
    const { did, answer } = await drill(world)
    assert.deepEqual(did, [])
    assert.equal(answer.exitCode, exitCodes.preflight)
    assert.match(answer.details[0] ?? '', detail)
  })
}

test('a budget with something to spare stops nothing', async () => {
  const objects = { 'poddisruptionbudgets.policy': [budget(1)] }
  const { answer } = await drill({ objects })
  assert.equal(answer.result, 'passed')
})

test('a budget of one pod, which never has anything to spare, is named and waited for by nobody', async () => {
  const objects = { 'poddisruptionbudgets.policy': [budget(0, 1)] }
  const { answer } = await drill({ objects })
  assert.equal(answer.result, 'passed', answer.evidence)
  assert.match(answer.evidence, /PodDisruptionBudget keybuzz\/api has one pod, and nothing to spare$/)
})

test('a host outside --limit that cannot be connected to keeps no other from being stopped', async () => {
  const { did } = await drill({ limit: ['worker-01'], lost: ['master-02'] })
  assert.deepEqual(stopped(did), ['worker-01'])
})

test('two masters are not enough to take one away: the workers are asked, and the warning says so', async () => {
  const { did, answer } = await drill({ masters: 2 })
  assert.deepEqual(stopped(did), ['worker-02', 'worker-01'])
  assert.equal(answer.result, 'warning')
  assert.match(answer.evidence, /not stopped: the masters \(2: etcd has no majority without one of them\)$/)
})

test('the only machine that takes pods stays', async () => {
  const { did, answer } = await drill({ workers: 1 })
  assert.deepEqual(stopped(did), ['master-03', 'master-02', 'master-01'])
  assert.match(answer.evidence, /not stopped: worker-01 \(no other node takes its pods\)$/)
})

test('an application that does not serve already is not blamed on the drill: nothing is stopped', async () => {
  const tools = { objects: { ...both } }
  const { did, answer } = await drill({ ...tools, isDown: true })
  assert.deepEqual(did, [])
  assert.equal(answer.result, 'failed')
  assert.match(answer.evidence, /not begun: web\.dev\.example\.com: 502 with every machine there/)
})
