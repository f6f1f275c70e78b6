import { shortened } from '../../lib/base/sensitive.mts'
import { randomBytes, randomInt } from 'node:crypto'
import { failed, passed, type Answer } from '../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { checkPrefix, signIn, type Owner, type Tools } from './session.mts'
import {
  callUntilActive,
  findExecution,
  listExecutions,
  openWebhook,
  remove,
  removeLeftovers,
  sumIn,
  type Workflow,
} from './workflow.mts'

/**
 * Sends a request through ingress, webhook process, Redis, worker and task runner; checks the response, and the
 * execution that n8n recorded. Deletes first the workflows that killed runs left, and its own one afterwards.
 * @throws KitError exit 10 when n8n refuses the login or a request of its API; exit 2, 6 or 7, see askPublic
 */
export async function runWebhook(tools: Tools): Promise<Answer> {
  const owner = await signIn(tools)
  await removeLeftovers(owner)
  const path = checkPrefix + randomBytes(6).toString('hex')
  const workflow = await openWebhook(owner, path)
  let removed = false
  let answer: Answer
  try {
    answer = await callIt(tools, owner, path, workflow)
  } finally {
    removed = await remove(owner, workflow)
  }
  return removed ? answer : failed(`${answer.evidence}; but its workflow ${path} could not be deleted`)
}

async function callIt(tools: Tools, owner: Owner, path: string, { id }: Workflow): Promise<Answer> {
  const [a, b] = [randomInt(1, 1000), randomInt(1, 1000)]
  const started = performance.now()
  const answer = await callUntilActive(tools, path, { a, b }).catch(withoutAnswer)
  if (answer instanceof KitError) return failed(`${answer.message}; ${await howFarItCame(owner, id)}`)
  const milliseconds = Math.round(performance.now() - started)
  if (answer.status !== 200)
    return failed(`the webhook answered ${answer.status} ${shortened(answer.text, 160)}`)
  if (sumIn(answer) !== a + b) return failed(`${a} + ${b} came back as ${shortened(answer.text, 80)}`)
  const execution = await findExecution(owner, id)
  if (execution === undefined) return failed('the answer was right, but n8n recorded no execution')
  if (execution.mode !== 'webhook' || execution.status !== 'success') {
    return failed(`n8n recorded the execution as ${execution.mode} ${execution.status}`)
  }
  return passed(`${a} + ${b} = ${a + b} in ${milliseconds} ms, execution ${execution.id} ${execution.status}`)
}

/** Returns the error of a call without response (exit 6). @throws any other error, an interruption among them */
function withoutAnswer(thrown: unknown): KitError {
  if (thrown instanceof KitError && thrown.exitCode === exitCodes.unreachable) return thrown
  throw thrown
}

/** Where a request without response stopped, by the execution that n8n recorded: each place has another remedy. */
async function howFarItCame(owner: Owner, workflowId: string): Promise<string> {
  const execution = (await listExecutions(owner)).find((one) => one.workflowId === workflowId)
  if (execution === undefined) return 'n8n recorded no execution of it: it reached no webhook process'
  const { id, status } = execution
  if (status === 'new' || status === 'waiting') return `execution ${id} waits in the queue: no worker took it`
  if (status === 'running')
    return `execution ${id} still runs: a worker took it, and waits for the runner beside it`
  return `execution ${id} ended as ${status}: the webhook process did not hear of it from Redis`
}
