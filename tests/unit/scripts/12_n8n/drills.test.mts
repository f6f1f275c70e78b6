import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../../lib/base/errors.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { createOnce } from '../../../../lib/checks/checks.mts'
import { runDrills, type DrillTools } from '../../../../lib/checks/drills.mts'
import type { HttpRequest } from '../../../../lib/checks/http.mts'
import { drills } from '../../../../scripts/12_n8n/drills.mts'
import type { N8nSettings } from '../../../../scripts/12_n8n/settings.mts'

// The drill of the queue on an n8n that is right, and on one that is wrong in one thing.

interface World {
  /** What becomes of the call that is made while there is no worker: it waits for one, unless given. */
  readonly call?: (request: HttpRequest) => Promise<unknown>
  /** The status of its execution. */
  readonly job?: string
}

const answer = (json: unknown, headers = {}) => ({
  status: 200,
  headers,
  text: JSON.stringify(json),
  json: () => json,
})

async function runQueue({ call, job = 'new' }: World) {
  const did: string[] = []
  let open: HttpRequest | undefined
  let bring = () => {}
  const isBack = new Promise<void>((resolve) => (bring = resolve))
  const sum = ({ json }: HttpRequest) => {
    const { a, b } = json as { a: number; b: number }
    return answer({ sum: a + b })
  }
  const ask = async (_host: string, path: string, request: HttpRequest = {}): Promise<unknown> => {
    if (path.startsWith('/webhook/')) {
      if (!did.includes('down')) return sum(request)
      open = request
      return call === undefined ? isBack.then(() => sum(request)) : call(request)
    }
    if (path === '/rest/login')
      return answer({ data: {} }, { 'set-cookie': ['n8n-auth=token-of-the-drill; Secure'] })
    if (path.startsWith('/rest/executions'))
      return answer({ data: { results: [{ id: '7', workflowId: 'w1', mode: 'webhook', status: job }] } })
    if (request.method === 'POST') return answer({ data: { id: 'w1', versionId: 'v1', name: 'n' } })
    if (request.method === 'DELETE') did.push(`deleted ${path}`)
    return answer({ data: [] })
  }
  const tools = {
    settings: {
      ENV: 'dev',
      N8N_HOST: 'n8n.dev.example.com',
      N8N_OWNER_EMAIL: 'ops@example.com',
      N8N_OWNER_PASSWORD: sensitive('Owner-password-1'),
    },
    http: { ask },
    once: createOnce(),
    breaking: {
      scaleDown: () => Promise.resolve(void did.push('down')),
      restore() {
        did.push('back')
        bring()
        return Promise.resolve()
      },
    },
  }
  const [outcome] = await runDrills(
    drills.filter(({ id }) => id === 'n8n.queue'),
    tools as unknown as DrillTools<N8nSettings>,
  )
  assert.ok(outcome !== undefined)
  assert.deepEqual(did.slice(-2), ['back', 'deleted /rest/workflows/w1'])
  assert.ok(open?.signal?.aborted, 'the call of the drill is still open')
  return outcome
}

test('n8n.queue: the call waits without a worker, and is answered when they are back', async () => {
  const { result, evidence } = await runQueue({})
  assert.equal(result, 'passed', evidence)
  assert.match(evidence, /it waited 8 s without a worker, then \d+ \+ \d+ = \d+/)
})

test('n8n.queue: a call that breaks meanwhile fails the drill with its own error, and nothing else', async () => {
  const broken = new KitError('n8n.dev.example.com at 192.0.2.21:443: connection refused', {
    exitCode: exitCodes.unreachable,
  })
  const { result, evidence } = await runQueue({ call: () => Promise.reject(broken) })
  assert.equal(result, 'failed')
  assert.match(evidence, /the call did not wait: n8n\.dev\.example\.com at 192\.0\.2\.21:443: connection ref/)
})

test('n8n.queue fails when another program takes the job; the call is not left open', async () => {
  const { result, evidence } = await runQueue({ call: () => new Promise(() => {}), job: 'running' })
  assert.equal(result, 'failed')
  assert.match(evidence, /the job became running: another program takes jobs/)
})

test('n8n.queue fails when the call is answered although there is no worker', async () => {
  const { result, evidence } = await runQueue({ call: () => Promise.resolve(answer({ sum: 1 })) })
  assert.equal(result, 'failed')
  assert.match(evidence, /did not wait: it was answered 200 \{"sum":1\}/)
})
