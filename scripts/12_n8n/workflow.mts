import { pauseFor } from '../../lib/base/poll.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { askPublic, checkPrefix, dataOf, type Owner, type Tools } from './session.mts'

// Workflows that the checks and drills create, call and delete.

/** Seconds until a webhook is active, or an archived one is deregistered: both are asynchronous (seen: up to 1 s). */
const activation = 20

/** A workflow stored in n8n. */
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

/** A workflow with a webhook, and a Code node that computes the response: only a task runner can execute it. */
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

/** The sum in the response of such a webhook; undefined without one. @throws KitError exit 10 when it is not JSON */
export const sumIn = (answer: HttpAnswer): unknown => {
  const body = answer.json() as { sum?: unknown } | { sum?: unknown }[]
  return Array.isArray(body) ? body[0]?.sum : body.sum
}

/**
 * Calls a webhook with two numbers; repeated for up to 20 s while it answers 404, which means "not active yet".
 * @throws KitError exit 6 after 75 s when no worker takes the job: the call hangs; exit 2, 6 or 7, see askPublic
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
    await pauseFor(300)
  }
}

/** An execution as n8n recorded it. */
export interface Execution {
  readonly id: string
  readonly workflowId: string
  readonly mode: string
  readonly status: string
}

/** The 20 newest executions, queued and running ones among them. @throws KitError exit 10, see dataOf */
export async function listExecutions(owner: Owner): Promise<Execution[]> {
  const answer = await owner.ask('/rest/executions?limit=20')
  return dataOf<{ results: Execution[] }>(answer, 'list executions').results
}

/**
 * The finished execution of a workflow; n8n may record it a moment after the response.
 * @returns undefined when there is none after 5 s
 * @throws KitError exit 10, see dataOf
 */
export async function findExecution(owner: Owner, workflowId: string): Promise<Execution | undefined> {
  for (let left = 20; left > 0; left -= 1) {
    const found = (await listExecutions(owner)).find((one) => one.workflowId === workflowId)
    if (found !== undefined && !['new', 'running', 'waiting'].includes(found.status)) return found
    await pauseFor(250)
  }
  return undefined
}

/** Deletes the workflows that killed runs left. @throws KitError exit 10 when n8n does not list them */
export async function removeLeftovers(owner: Owner): Promise<void> {
  const answer = await owner.ask(
    `/rest/workflows?filter=${encodeURIComponent(JSON.stringify({ name: checkPrefix }))}`,
  )
  const found = dataOf<Workflow[]>(answer, 'list workflows')
  for (const workflow of found.filter(({ name }) => name.startsWith(checkPrefix)))
    await remove(owner, workflow)
}

/**
 * Archives a workflow and deletes it: n8n deletes only archived ones, and deregisters a webhook asynchronously (409
 * meanwhile, seen: 0.5 s).
 * @returns false when it is still there
 */
export async function remove(owner: Owner, { id }: Workflow): Promise<boolean> {
  await owner.ask(`/rest/workflows/${id}/archive`, { method: 'POST', json: {} })
  const until = performance.now() + activation * 1000
  for (;;) {
    const { status } = await owner.ask(`/rest/workflows/${id}`, { method: 'DELETE' })
    // 404: it is gone already, deleted by another run or by a user.
    if (status !== 409 || performance.now() > until) return status === 200 || status === 404
    await pauseFor(300)
  }
}

/**
 * Creates and activates a workflow with a webhook at `path`.
 * @param credential its header is required in every call; without it none is
 * @throws KitError exit 10 when n8n refuses one of the two; a workflow that cannot be activated is deleted
 */
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
