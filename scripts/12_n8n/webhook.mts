import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { failed, passed, type Answer } from '../../lib/checks.mts'
import type { HttpAnswer } from '../../lib/http.mts'
import { askPublic, checkPrefix, dataOf, signIn, type Owner, type Tools } from './session.mts'

/** Seconds until an activated webhook answers, or an archived one is let go: both are asynchronous (seen: up to 1 s). */
const activation = 20

interface Workflow {
  readonly id: string
  readonly versionId: string
  readonly name: string
}

/** A webhook, and a Code node that must compute the answer: only a task runner can. */
const workflowOf = (path: string) => ({
  name: path,
  nodes: [
    {
      id: 'a1',
      name: 'Webhook',
      type: 'n8n-nodes-base.webhook',
      typeVersion: 2,
      position: [0, 0],
      webhookId: path,
      parameters: { httpMethod: 'POST', path, responseMode: 'lastNode', options: {} },
    },
    {
      id: 'b2',
      name: 'Code',
      type: 'n8n-nodes-base.code',
      typeVersion: 2,
      position: [200, 0],
      parameters: {
        jsCode: 'return [{ json: { sum: $input.first().json.body.a + $input.first().json.body.b } }]',
      },
    },
  ],
  connections: { Webhook: { main: [[{ node: 'Code', type: 'main', index: 0 }]] } },
  settings: { executionOrder: 'v1' },
})

/**
 * Sends a request through ingress, webhook process, Redis, worker and task runner, and looks at what came out
 * and at the execution n8n recorded. The workflow is removed afterwards, and those earlier runs left.
 */
export async function runWebhook(tools: Tools): Promise<Answer> {
  const owner = await signIn(tools)
  await removeLeftovers(owner)
  const path = checkPrefix + randomBytes(6).toString('hex')
  const created = await owner.ask('/rest/workflows', { method: 'POST', json: workflowOf(path) })
  const workflow = dataOf<Workflow>(created, 'create a workflow')
  let removed = false
  let answer: Answer
  try {
    const { id, versionId } = workflow
    dataOf(
      await owner.ask(`/rest/workflows/${id}/activate`, { method: 'POST', json: { versionId } }),
      'activate it',
    )
    answer = await callIt(tools, owner, path, workflow)
  } finally {
    removed = await remove(owner, workflow)
  }
  return removed ? answer : failed(`${answer.evidence}; but its workflow ${path} could not be deleted`)
}

async function callIt(tools: Tools, owner: Owner, path: string, { id }: Workflow): Promise<Answer> {
  const [a, b] = [1 + Math.floor(Math.random() * 1000), 1 + Math.floor(Math.random() * 1000)]
  const started = performance.now()
  const answer = await callUntilActive(tools, path, { a, b })
  const milliseconds = Math.round(performance.now() - started)
  if (answer.status !== 200)
    return failed(`the webhook answered ${answer.status} ${answer.text.slice(0, 160)}`)
  if (sumIn(answer) !== a + b) return failed(`${a} + ${b} came back as ${answer.text.slice(0, 80)}`)
  const execution = await findExecution(owner, id)
  if (execution === undefined) return failed('the answer was right, but n8n recorded no execution')
  if (execution.mode !== 'webhook' || execution.status !== 'success') {
    return failed(`n8n recorded the execution as ${execution.mode} ${execution.status}`)
  }
  return passed(`${a} + ${b} = ${a + b} in ${milliseconds} ms, execution ${execution.id} ${execution.status}`)
}

const sumIn = (answer: HttpAnswer): unknown => {
  const body = answer.json() as { sum?: unknown } | { sum?: unknown }[]
  return Array.isArray(body) ? body[0]?.sum : body.sum
}

/** 404 means "not active yet" for a while. Without a worker the call hangs: the time limit is the answer then. */
async function callUntilActive(tools: Tools, path: string, json: object): Promise<HttpAnswer> {
  const until = performance.now() + activation * 1000
  for (;;) {
    const answer = await askPublic(tools, `/webhook/${path}`, { method: 'POST', json, timeoutSeconds: 75 })
    if (answer.status !== 404 || performance.now() > until) return answer
    await pause(300)
  }
}

interface Execution {
  readonly id: string
  readonly workflowId: string
  readonly mode: string
  readonly status: string
}

/** The record may be written a moment after the answer left. */
async function findExecution(owner: Owner, workflowId: string): Promise<Execution | undefined> {
  for (let left = 20; left > 0; left -= 1) {
    const answer = await owner.ask('/rest/executions?limit=20')
    const { results } = dataOf<{ results: Execution[] }>(answer, 'list executions')
    const found = results.find((one) => one.workflowId === workflowId)
    if (found !== undefined && !['new', 'running', 'waiting'].includes(found.status)) return found
    await pause(250)
  }
  return undefined
}

async function removeLeftovers(owner: Owner): Promise<void> {
  const answer = await owner.ask(
    `/rest/workflows?filter=${encodeURIComponent(JSON.stringify({ name: checkPrefix }))}`,
  )
  const found = dataOf<Workflow[]>(answer, 'list workflows')
  for (const workflow of found.filter(({ name }) => name.startsWith(checkPrefix)))
    await remove(owner, workflow)
}

/**
 * n8n deletes only what was archived before, and takes a webhook back asynchronously (409 meanwhile, seen: 0.5 s).
 * @returns false when it is still there
 */
async function remove(owner: Owner, { id }: Workflow): Promise<boolean> {
  await owner.ask(`/rest/workflows/${id}/archive`, { method: 'POST', json: {} })
  const until = performance.now() + activation * 1000
  for (;;) {
    const { status } = await owner.ask(`/rest/workflows/${id}`, { method: 'DELETE' })
    if (status !== 409 || performance.now() > until) return status === 200
    await pause(300)
  }
}
