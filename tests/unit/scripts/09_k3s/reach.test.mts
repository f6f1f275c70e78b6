import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import type { Finished } from '../../../../lib/base/command.mts'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import type { Host } from '../../../../lib/hosts/host.mts'
import { parseDocument } from '../../../../scripts/09_k3s/host/document.mts'
import { findBlocked, thisMachine, type Peer } from '../../../../scripts/09_k3s/reach/reach.mts'
import { documentOf } from './machines.mts'
import { settings } from './staging.mts'

type Ran = Promise<Partial<Finished>>

/** A worker, on which perl listens and probes so. */
function peer(name: string, address: string, { listen, probe }: { listen: Ran; probe: Ran }): Peer {
  const read = async (_words: readonly string[], { shown = '' }: { shown?: string }) => ({
    code: 0,
    stdout: '',
    stderr: '',
    ...(await (shown.startsWith('listen ') ? listen : probe)),
  })
  const host = { name, address, read } as unknown as Host
  return { host, address, role: 'worker', said: parseDocument(name, documentOf({ address })) }
}

/** Two workers that reach each other, but for what is given of the first. */
function workers(given: Partial<{ listen: Ran; probe: Ran }>): Peer[] {
  const well = Promise.resolve({})
  const reached = ['192.0.2.21', '192.0.2.22'].flatMap((address) =>
    ['10250', '80', '443'].map((port) => `tcp ${address} ${port} open`).concat(`udp ${address} 8472 open`),
  )
  const probe = Promise.resolve({ stdout: reached.join('\n') })
  return [
    peer('worker-01', '192.0.2.21', { listen: well, probe, ...given }),
    peer('worker-02', '192.0.2.22', { listen: well, probe }),
  ]
}

// The time in which this machine dials their ports is over at once: nobody is at these addresses.
let now = 0
beforeEach(() => void mock.method(performance, 'now', () => (now += 5000)))

test('machines that reach each other: nothing is blocked between them', async () => {
  const blocked = await findBlocked(workers({}), settings)
  assert.deepEqual(
    blocked.filter(({ from }) => from !== thisMachine),
    [],
  )
})

for (const [what, given, doing] of [
  [
    'cannot listen',
    { listen: Promise.resolve({ code: 255, stderr: "Can't locate Socket.pm in @INC\n\u001B[2J" }) },
    'listen for the others',
  ],
  [
    'cannot probe',
    { probe: Promise.resolve({ code: 11, stderr: "Can't locate Socket.pm in @INC\n" }) },
    'probe the others',
  ],
] as const) {
  test(`a machine whose perl ${what} is exit 3 with what perl says, no bug of the kit`, async () => {
    await assert.rejects(findBlocked(workers(given), settings), (thrown) => {
      assert.ok(thrown instanceof KitError)
      assert.equal(thrown.exitCode, exitCodes.preflight)
      assert.match(thrown.message, new RegExp(`^worker-01 could not ${doing}:`))
      assert.equal(thrown.details[0], "Can't locate Socket.pm in @INC")
      assert.ok(!thrown.details.join('').includes('\u001B'))
      return true
    })
  })
}

test('what a listener fails of does not hide the first error: a connection that was lost is exit 6', async () => {
  const lost = new KitError('worker-01: the connection is lost', { exitCode: exitCodes.unreachable })
  const listen = Promise.resolve({ code: 255, stderr: 'killed' })
  await assert.rejects(findBlocked(workers({ listen, probe: Promise.reject(lost) }), settings), lost)
})
