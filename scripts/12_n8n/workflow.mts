import { setTimeout as pause } from 'node:timers/promises'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { askPublic, checkPrefix, dataOf, type Owner, type Tools } from './session.mts'

// Workflows that the checks and drills make, call and take away again.

/** Seconds until an activated webhook answers, or an archived one is let go: both are asynchronous (seen: up to 1 s). */
const activation = 20

export interface Workflow {
  readonly id: string
  readonly versionId: string
  readonly name: string
}

/** A credential stored in n8n, as a node refers to it. */
export interface Credential {
  readonly id: string
  readonly name: string
}

/** A webhook, and a Code node that must compute the answer: only a task runner can. */
const workflowOf = (path: string, credential: Credential | undefined) => ({
  name: path,
  nodes: [
    {
      id: 'a1',
      name: 'Webhook',
      type: 'n8n-nodes-base.webhook',
      typeVersion: 2,
      position: [0, 0],
      webhookId: path,
      parameters: {
        httpMethod: 'POST',
        path,
        responseMode: 'lastNode',
        options: {},
        ...(credential === undefined ? {} : { authentication: 'headerAuth' }),
      },
      ...(credential === undefined ? {} : { credentials: { httpHeaderAuth: credential } }),
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

export const sumIn = (answer: HttpAnswer): unknown => {
  const body = answer.json() as { sum?: unknown } | { sum?: unknown }[]
  return Array.isArray(body) ? body[0]?.sum : body.sum
}

/**
 * Calls a webhook with two numbers. 404 means "not active yet" for a while. Without a worker the call hangs: the
 * time limit is the answer then.
 */
export async function callUntilActive(
  tools: Tools,
  path: string,
  json: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const until = performance.now() + activation * 1000
  for (;;) {
    const answer = await askPublic(tools, `/webhook/${path}`, {
      method: 'POST',
      json,
      headers,
      timeoutSeconds: 75,
    })
    if (answer.status !== 404 || performance.now() > until) return answer
    await pause(300)
  }
}

export interface Execution {
  readonly id: string
  readonly workflowId: string
  readonly mode: string
  readonly status: string
}

/** The newest executions, waiting and running ones among them. */
export async function listExecutions(owner: Owner): Promise<Execution[]> {
  const answer = await owner.ask('/rest/executions?limit=20')
  return dataOf<{ results: Execution[] }>(answer, 'list executions').results
}

/** The record may be written a moment after the answer left. */
export async function findExecution(owner: Owner, workflowId: string): Promise<Execution | undefined> {
  for (let left = 20; left > 0; left -= 1) {
    const found = (await listExecutions(owner)).find((one) => one.workflowId === workflowId)
    if (found !== undefined && !['new', 'running', 'waiting'].includes(found.status)) return found
    await pause(250)
  }
  return undefined
}

/** Takes away what killed runs left. */
export async function removeLeftovers(owner: Owner): Promise<void> {
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
export async function remove(owner: Owner, { id }: Workflow): Promise<boolean> {
  await owner.ask(`/rest/workflows/${id}/archive`, { method: 'POST', json: {} })
  const until = performance.now() + activation * 1000
  for (;;) {
    const { status } = await owner.ask(`/rest/workflows/${id}`, { method: 'DELETE' })
    if (status !== 409 || performance.now() > until) return status === 200
    await pause(300)
  }
}

/** Makes a workflow whose webhook is open at `path`, for everybody or for who sends the credential's header. */
export async function openWebhook(owner: Owner, path: string, credential?: Credential): Promise<Workflow> {
  const json = workflowOf(path, credential)
  const workflow = dataOf<Workflow>(
    await owner.ask('/rest/workflows', { method: 'POST', json }),
    'create a workflow',
  )
  const { id, versionId } = workflow
  const answer = await owner.ask(`/rest/workflows/${id}/activate`, { method: 'POST', json: { versionId } })
  if (answer.status !== 200) await remove(owner, workflow)
  dataOf(answer, 'activate it')
  return workflow
}
