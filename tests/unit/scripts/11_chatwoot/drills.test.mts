import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runDrills, type DrillTools } from '../../../../lib/checks/drills.mts'
import type { HttpAnswer } from '../../../../lib/checks/http-exchange.mts'
import type { HttpRequest } from '../../../../lib/checks/http.mts'
import { sensitive } from '../../../../lib/base/sensitive.mts'
import { drills } from '../../../../scripts/11_chatwoot/drills.mts'
import type { ChatwootSettings } from '../../../../scripts/11_chatwoot/settings.mts'

// The drills on a Chatwoot that is right, and on one that is wrong in one thing.

interface World {
  /** The status of a session, before and after the pods were lost. */
  readonly session?: readonly [before: number, after: number]
  readonly signIn?: number
  readonly widget?: number
  /** The status of a new inbox. */
  readonly created?: number
  /** Inboxes that are there before. */
  readonly inboxes?: readonly string[]
}

const signedIn = { 'access-token': 'a', client: 'c', uid: 'ops@example.com' }

function toolsOf({ session = [200, 200], signIn = 200, widget = 200, created = 200, inboxes = [] }: World) {
  const lost: string[] = []
  const held = new Map(inboxes.map((name, id) => [id, name]))
  function answer(method: string, path: string, request: HttpRequest): [number, unknown?] {
    switch (`${method} ${path.split('?')[0]?.replace(/\d+$/, ':id')}`) {
      case 'POST /auth/sign_in':
        return [signIn, { data: { access_token: 'token', account_id: 1 } }]
      case 'GET /auth/validate_token':
        return [request.headers?.['client'] === 'c' ? session[lost.length === 0 ? 0 : 1] : 401]
      case 'GET /api/v1/accounts/1/inboxes':
        return [200, { payload: [...held].map(([id, name]) => ({ id, name })) }]
      case 'POST /api/v1/accounts/1/inboxes': {
        if (created !== 200) return [created]
        const { name } = request.json as { name: string }
        held.set(9, name)
        return [200, { id: 9, name, website_token: 'site' }]
      }
      case 'DELETE /api/v1/accounts/1/inboxes/:id':
        return [held.delete(Number(path.split('/').at(-1))) ? 200 : 404]
      case 'GET /widget':
        return [path.endsWith('website_token=site') ? widget : 404]
      default:
        return [404]
    }
  }
  const tools = {
    settings: {
      ENV: 'dev',
      CHATWOOT_HOST: 'support.dev.example.com',
      CHATWOOT_ADMIN_EMAIL: 'ops@example.com',
      CHATWOOT_ADMIN_PASSWORD: sensitive('Admin-password-1'),
    },
    http: {
      ask(_host: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
        const [status, body = {}] = answer(request.method ?? 'GET', path, request)
        const text = JSON.stringify(body)
        return Promise.resolve({ status, text, headers: signedIn, json: () => body })
      },
    },
    breaking: {
      losePods(namespace: string, deployments: readonly string[]) {
        lost.push(...deployments.map((name) => `${namespace}/${name}`))
        return Promise.resolve()
      },
    },
    once: <T,>(_name: string, make: () => T) => make(),
  }
  return { tools: tools as unknown as DrillTools<ChatwootSettings>, lost, held }
}

async function runOne(id: string, world: World) {
  const made = toolsOf(world)
  const [outcome] = await runDrills(
    drills.filter((drill) => drill.id === id),
    made.tools,
  )
  assert.ok(outcome !== undefined)
  return { ...made, outcome }
}

test('chatwoot.sessions: every web pod is lost, the session stands', async () => {
  const { outcome, lost } = await runOne('chatwoot.sessions', {})
  assert.equal(outcome.result, 'passed', outcome.evidence)
  assert.deepEqual(lost, ['chatwoot-dev/chatwoot-web'])
})

test('chatwoot.widget: an inbox is made, its window served, and nothing of drills stays', async () => {
  const { outcome, held } = await runOne('chatwoot.widget', {
    inboxes: ['Ours', 'keybuzz-check-of-a-killed-run'],
  })
  assert.equal(outcome.result, 'passed', outcome.evidence)
  assert.deepEqual([...held.values()], ['Ours'])
})

const faults: [id: string, evidence: RegExp, world: World][] = [
  ['chatwoot.sessions', /after the pods were lost: 401/, { session: [200, 401] }],
  ['chatwoot.sessions', /before the pods were lost: 500/, { session: [500, 200] }],
  ['chatwoot.sessions', /401 to the sign-in/, { signIn: 401 }],
  ['chatwoot.widget', /\/widget 404/, { widget: 404 }],
  ['chatwoot.widget', /Chatwoot answered 422/, { created: 422 }],
]
for (const [id, evidence, world] of faults) {
  test(`${id} sees it: ${evidence.source}`, async () => {
    const { outcome, held, lost } = await runOne(id, world)
    assert.equal(outcome.result, 'failed')
    assert.match(outcome.evidence, evidence)
    assert.equal(held.size, 0)
    // A world that is wrong before is not broken further.
    if (!evidence.source.startsWith('after')) assert.deepEqual(lost, [])
  })
}

test('every drill can fail', () => {
  const proven = new Set(faults.map(([id]) => id))
  assert.deepEqual(
    drills.map(({ id }) => id).filter((id) => !proven.has(id)),
    [],
  )
})
