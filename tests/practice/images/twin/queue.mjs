// The way of a webhook's job: webhook process, Redis, worker, the broker beside it, and back.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { decrypt } from './credential.mjs'
import { listen } from './server.mjs'

/** Until a worker gives up on its runner; the real one waits 60 s. */
const runnerMilliseconds = 5000

const jobs = (env) => `${env.QUEUE_BULL_PREFIX ?? 'bull'}:jobs:wait`
const failed = (message) => ({ status: 500, json: { code: 0, message } })

/** The handler of POST /webhook/<path>: it queues a job and waits for its answer, without limit as n8n does. */
export async function webhookCall(database, redis, subscriber, env) {
  const replyTo = `${env.QUEUE_BULL_PREFIX ?? 'bull'}:answers:${randomUUID()}`
  const waiting = new Map()
  await subscriber.subscribe(replyTo, (message) => {
    const { executionId, answer } = JSON.parse(message)
    waiting.get(executionId)?.(answer)
    waiting.delete(executionId)
  })
  return async ({ params: { rest: path }, query, headers, body }) => {
    const node = JSON.stringify([{ type: 'n8n-nodes-base.webhook', parameters: { path } }])
    if (!(await mayPass(database, node, headers, env)))
      return { status: 403, json: { code: 403, message: 'Authorization data is wrong!' } }
    const { rows } = await database.query(
      `INSERT INTO twin_execution ("workflowId") SELECT id FROM twin_workflow WHERE active AND nodes @> $1 LIMIT 1
       RETURNING id, "workflowId"`,
      [node],
    )
    if (rows.length === 0) {
      const message = `The requested webhook "POST ${path}" is not registered.`
      return { status: 404, json: { code: 404, message } }
    }
    const [{ id: executionId, workflowId }] = rows
    const input = { headers, params: {}, query, body, executionMode: 'production' }
    const answer = new Promise((resolve) => waiting.set(executionId, resolve))
    await redis.lPush(jobs(env), JSON.stringify({ executionId, workflowId, replyTo, input }))
    return answer
  }
}

/** A webhook with a header credential opens for that header only. */
async function mayPass(database, node, headers, env) {
  const { rows } = await database.query('SELECT nodes FROM twin_workflow WHERE active AND nodes @> $1', [
    node,
  ])
  const webhook = rows[0]?.nodes.find(({ parameters }) => parameters.authentication === 'headerAuth')
  if (webhook === undefined) return true
  const { id } = webhook.credentials.httpHeaderAuth
  const found = await database.query('SELECT data FROM twin_credential WHERE id = $1', [id])
  const { name, value } = decrypt(found.rows[0].data, env)
  return headers[name.toLowerCase()] === value
}

/** Takes jobs until the process ends, at most `concurrency` at a time. */
export async function runWorker({ database, redis, blocked, env, state, concurrency }) {
  const askRunner = startBroker(env)
  // The loop itself counts: a job it has just taken must not be lost.
  state.running += 1
  while (!state.ending) {
    if (state.running > concurrency) {
      await pause(50)
      continue
    }
    // Short enough to end soon after SIGTERM.
    const job = await blocked.brPop(jobs(env), 0.5).catch(() => pause(500))
    if (!job) continue
    state.running += 1
    runJob({ database, redis, askRunner }, JSON.parse(job.element))
      .catch((error) => console.error(`job lost: ${error.message}`))
      .finally(() => (state.running -= 1))
  }
  state.running -= 1
}

async function runJob({ database, redis, askRunner }, { executionId, workflowId, replyTo, input }) {
  const setStatus = (status) =>
    database.query('UPDATE twin_execution SET status = $2 WHERE id = $1', [executionId, status])
  console.log(`Worker started execution ${executionId}`)
  await setStatus('running')
  const { rows } = await database.query('SELECT nodes FROM twin_workflow WHERE id = $1', [workflowId])
  const answer = await runCode(askRunner, rows[0]?.nodes ?? [], input)
  await setStatus(answer.status === 200 ? 'success' : 'error')
  await redis.publish(replyTo, JSON.stringify({ executionId, answer }))
  console.log(`Worker finished execution ${executionId}`)
}

/** responseMode lastNode: the first item of the last node is the answer. */
async function runCode(askRunner, nodes, input) {
  const code = nodes.find(({ type }) => type === 'n8n-nodes-base.code')
  if (code === undefined) return failed('this stand-in runs a webhook followed by a Code node, nothing else')
  const { items, error } = await askRunner({ jsCode: code.parameters.jsCode, items: [{ json: input }] })
  return error === undefined ? { status: 200, json: items[0]?.json } : failed(error)
}

/** The broker on loopback: a runner asks for a task and holds the line. Gives what runs one task. */
function startBroker({ N8N_RUNNERS_AUTH_TOKEN: authToken, N8N_RUNNERS_BROKER_PORT: port = 5679 }) {
  const grant = randomUUID()
  const queued = []
  const runners = []
  const ends = new Map()

  function offer() {
    while (queued.length > 0 && runners.length > 0) {
      const { timer, ...task } = queued.shift()
      clearTimeout(timer)
      runners.shift()({ json: task })
    }
  }

  const signOn = ({ body: { token } }) =>
    token === authToken ? { json: { data: { token: grant } } } : { status: token ? 403 : 400, json: {} }

  const granted = (handler) => (call) =>
    call.headers.authorization === `Bearer ${grant}` ? handler(call) : { status: 401, json: {} }

  const poll = ({ response }) =>
    new Promise((take) => {
      runners.push(take)
      // A runner that went away must not be given a task.
      response.on('close', () => runners.includes(take) && runners.splice(runners.indexOf(take), 1))
      offer()
    })

  function takeResult({ params: { id }, body }) {
    ends.get(id)?.(body)
    ends.delete(id)
    return { json: {} }
  }

  function run(task) {
    const id = randomUUID()
    return new Promise((end) => {
      const timer = setTimeout(() => {
        queued.splice(
          queued.findIndex((one) => one.id === id),
          1,
        )
        end({ error: 'Task request timed out' })
      }, runnerMilliseconds)
      ends.set(id, end)
      queued.push({ ...task, id, timer })
      offer()
    })
  }

  listen({
    port: Number(port),
    address: '127.0.0.1',
    routes: {
      'GET /healthz': () => ({ json: { status: 'ok' } }),
      'POST /runners/auth': signOn,
      'GET /runners/tasks': granted(poll),
      'POST /runners/tasks/:id': granted(takeResult),
    },
    broken: () => ({ status: 500, json: {} }),
  })
  return run
}
