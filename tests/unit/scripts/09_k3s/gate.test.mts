import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LiveObject } from '../../../../lib/kube/types.mts'
import { lastWordsIn } from '../../../../scripts/09_k3s/nodes/journal.mts'
import type { Without } from '../../../../scripts/09_k3s/nodes/members.mts'
import { missingIn } from '../../../../scripts/09_k3s/nodes/readiness.mts'
import { volumesOn } from '../../../../scripts/09_k3s/remove/volumes.mts'

// What a server says of itself, and what is made of it: nobody goes on to the next server before.

const server = { address: '192.0.2.11' }
const member = (last: number, more: object = {}) => ({
  name: `master-0${last}`,
  peerURLs: [`https://192.0.2.1${last}:2380`],
  ...more,
})
const healthy: Record<string, string> = {
  ActiveState: 'active',
  SubState: 'running',
  NRestarts: '0',
  InvocationID: 'second',
  program: 'v1.36.5+k3s1',
  readyz: 'ok',
  node: 'True v1.36.5+k3s1',
  voters: 'master-01: master-02: worker-01: ',
  members: JSON.stringify({ members: [member(1), member(2), member(3)] }),
}
const missing = (other: Record<string, string> = {}, without: Without = []) =>
  missingIn(
    Object.entries({ ...healthy, ...other })
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
    server,
    without,
  ).join(', ')
const members = (...list: object[]) => ({ members: JSON.stringify({ members: list }) })

test('a server that has all missing nothing', () => {
  assert.equal(missing(), '')
})

for (const [what, other, expected] of [
  ['no API', { readyz: '' }, 'its API does not answer yet'],
  ['a Node that is not Ready', { node: 'False v1.36.5+k3s1' }, 'its Node is not Ready yet'],
  ['no Node', { node: '' }, 'it has no Node yet'],
  ['an old version', { node: 'True v1.36.4+k3s1' }, 'its Node still tells v1.36.4+k3s1, not v1.36.5+k3s1'],
  ['its own vote missing', members(member(1, { isLearner: true }), member(2)), 'its etcd has no vote yet'],
  ['it is no member', members(member(2), member(3)), 'etcd does not list it as a member'],
  [
    'another member that never started',
    members(member(1), { peerURLs: ['https://192.0.2.13:2380'] }),
    'the etcd member 192.0.2.13 has no vote',
  ],
  ['a service that failed', { ActiveState: 'failed', readyz: '' }, 'its service failed'],
  [
    'a service that ends again and again',
    { NRestarts: '4', readyz: '' },
    'its service ends again and again, its API does not answer yet',
  ],
] as const) {
  test(`a server is not healthy with ${what}`, () => {
    assert.equal(missing(other), expected)
  })
}

test('a service that was restarted often and is healthy now is healthy', () => {
  assert.equal(missing({ NRestarts: '9' }), '')
})

test('the vote of the server that is about to be started is not asked for', () => {
  const joining = members(member(1), member(3, { isLearner: true }))
  assert.equal(missing(joining), 'the etcd member 192.0.2.13 has no vote')
  assert.equal(missing(joining, ['192.0.2.13']), '')
})

test('a server that only answers for itself is healthy whatever the votes of others, never without its own', () => {
  assert.equal(missing(members(member(1), member(3, { isLearner: true })), 'others'), '')
  assert.equal(
    missing(members(member(1, { isLearner: true }), member(3)), 'others'),
    'its etcd has no vote yet',
  )
})

test('where etcd gives no list, the conditions K3s writes to the Nodes decide; without either nobody goes on', () => {
  const none = { members: '' }
  assert.equal(missing({ ...none, voters: 'master-01:True master-02:True worker-01: ' }), '')
  assert.equal(
    missing({ ...none, voters: 'master-01:True master-02:False' }),
    'the etcd of master-02 has no vote',
  )
  assert.equal(missing(none), 'its etcd tells no members yet')
})

test('volumes on the disks of hosts that go are named with their claims; others are not', () => {
  const volume = (name: string, host: string | undefined) =>
    ({
      metadata: { name },
      spec: {
        claimRef: { namespace: 'n8n', name: 'data' },
        ...(host === undefined
          ? {}
          : {
              nodeAffinity: {
                required: {
                  nodeSelectorTerms: [
                    { matchExpressions: [{ key: 'kubernetes.io/hostname', values: [host] }] },
                  ],
                },
              },
            }),
      },
    }) as unknown as LiveObject
  const volumes = [volume('a', 'worker-01'), volume('b', 'worker-02'), volume('c', undefined)]
  assert.deepEqual(volumesOn(volumes, ['worker-01']), ['volume a of n8n/data on worker-01, with its data'])
})

test('the last words of a service are its own: what systemd says of pods that outlive it does not bury them', () => {
  const shim = (pid: number) =>
    `k3s-agent.service: Unit process ${pid} (containerd-shim) remains running after unit stopped.`
  const found = (pid: number) => [
    `k3s-agent.service: Found left-over process ${pid} (containerd-shim) in control group while starting unit. Ignoring.`,
    'k3s-agent.service: This usually indicates unclean termination of a previous run, or service implementation deficiencies.',
  ]
  const own = 'level=fatal msg="Error: flag provided but not defined: -no-such-key"'
  const ended = "k3s-agent.service: Failed with result 'exit-code'."
  const pids = Array.from({ length: 40 }, (_, at) => 4900 + at)
  const journal = [...pids.flatMap(found), own, ended, ...pids.map(shim), ''].join('\n')
  assert.deepEqual(lastWordsIn(journal), [own, ended])
})

test('of a long journal the newest twelve lines are shown, each cut to 200 characters', () => {
  const journal = Array.from({ length: 30 }, (_, at) => `${at} ${'x'.repeat(300)}`).join('\n')
  const words = lastWordsIn(journal)
  assert.deepEqual([words.length, words[0]?.slice(0, 3), words.at(-1)?.slice(0, 3)], [12, '18 ', '29 '])
  assert.ok(words.every((line) => line.length === 200))
})
