// The way of a webhook's job: webhook process, Redis, worker, the broker beside it, and back.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { listen } from './server.mjs'

/** Seconds until a worker gives up on its runner; the real one waits 60. */
const runnerSeconds = 5
/** Seconds a Code node may take, as the real one's. */
const taskSeconds = 300

const jobs = (prefix) => `${prefix}:jobs:wait`

const notRegistered = (path) => ({
  status: 404,
  json: {
    code: 404,
    message: `The requested webhook "POST ${path}" is not registered.`,
    hint: 'The workflow must be active for a production URL to run successfully.',
  },
})

/** Makes the handler of POST /webhook/<path>: it queues a job and waits for its answer, without limit as n8n does. */
export async function webhookRoutes({ database, redis, answers, prefix }) {
  const replyTo = `${prefix}:answers:${randomUUID()}`
  const waiting = new Map()
  await answers.subscribe(replyTo, (message) => {
    const { executionId, answer } = JSON.parse(message)
    waiting.get(executionId)?.(answer)
    waiting.delete(executionId)
  })
  return async ({ params, query, headers, body }) => {
    const path = params.rest
    const found = await database.query(`SELECT id FROM twin_workflow WHERE active AND nodes @> $1`, [
      JSON.stringify([{ type: 'n8n-nodes-base.webhook', parameters: { path } }]),
    ])
    if (found.rows.length === 0) return notRegistered(path)
    const workflowId = found.rows[0].id
    const inserted = await database.query(
      "INSERT INTO twin_execution (workflow_id, mode, status) VALUES ($1, 'webhook', 'new') RETURNING id",
      [workflowId],
    )
    const executionId = inserted.rows[0].id
    const answer = new Promise((resolve) => waiting.set(executionId, resolve))
    const input = { headers, params: {}, query, body, executionMode: 'production' }
    await redis.lPush(jobs(prefix), JSON.stringify({ executionId, workflowId, replyTo, input }))
    return answer
  }
}

/** Takes jobs until the process ends, at most `concurrency` at a time. */
export async function runWorker({ database, redis, waiting, environment, state, concurrency }) {
  const prefix = environment.QUEUE_BULL_PREFIX ?? 'bull'
  const askRunner = startBroker(environment)
  // The loop itself counts: a job it has just taken must not be lost.
  state.running += 1
  while (!state.ending) {
    if (state.running > concurrency) {
      await pause(50)
      continue
    }
    // Short enough to end soon after SIGTERM.
    const job = await waiting.brPop(jobs(prefix), 0.5).catch(() => pause(500))
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

async function runCode(askRunner, nodes, input) {
  const code = nodes.find(({ type }) => type === 'n8n-nodes-base.code')
  if (code === undefined) return failed('this stand-in runs a webhook followed by a Code node, nothing else')
  try {
    const items = await askRunner({ jsCode: code.parameters.jsCode, items: [{ json: input }] })
    // responseMode lastNode: the first item of the last node is the answer.
    return { status: 200, json: items[0]?.json }
  } catch (error) {
    console.error(error.message)
    return failed(error.message)
  }
}

const failed = (message) => ({ status: 500, json: { code: 0, message } })

/** The broker on loopback: a runner asks for a task and holds the line. Gives what runs one task. */
function startBroker(environment) {
  const grants = new Set()
  const tasks = new Map()
  const queued = []
  const runners = []

  function offer() {
    while (queued.length > 0 && runners.length > 0) {
      const task = tasks.get(queued.shift())
      if (task === undefined) continue
      clearTimeout(task.timer)
      task.timer = setTimeout(() => task.end('Task execution timed out'), taskSeconds * 1000)
      runners.shift()(task)
    }
  }

  function auth({ body }) {
    if (!body.token) return { status: 400, json: { message: 'Token is missing' } }
    if (body.token !== environment.N8N_RUNNERS_AUTH_TOKEN) return { status: 403, json: {} }
    const token = randomUUID()
    grants.add(token)
    return { json: { data: { token } } }
  }

  const granted = (handler) => (call) =>
    grants.has(call.headers.authorization?.replace('Bearer ', '')) ? handler(call) : { status: 401, json: {} }

  function poll({ response }) {
    return new Promise((resolve) => {
      const take = ({ id, jsCode, items }) => resolve({ json: { id, jsCode, items } })
      runners.push(take)
      // A runner that went away must not be given a task.
      response.on('close', () => runners.includes(take) && runners.splice(runners.indexOf(take), 1))
      offer()
    })
  }

  function result({ params, body }) {
    tasks.get(params.id)?.end(body.error, body.items)
    return { json: {} }
  }

  listen({
    port: Number(environment.N8N_RUNNERS_BROKER_PORT ?? 5679),
    address: environment.N8N_RUNNERS_BROKER_LISTEN_ADDRESS ?? '127.0.0.1',
    routes: {
      'GET /healthz': () => ({ json: { status: 'ok' } }),
      'POST /runners/auth': auth,
      'GET /runners/tasks': granted(poll),
      'POST /runners/tasks/:id': granted(result),
    },
    broken: () => ({ status: 500, json: {} }),
  })

  return ({ jsCode, items }) =>
    new Promise((resolve, reject) => {
      const id = randomUUID()
      const end = (error, given) => {
        clearTimeout(task.timer)
        tasks.delete(id)
        if (error === undefined) resolve(given)
        else reject(new Error(error))
      }
      const timer = setTimeout(() => end('Task request timed out'), runnerSeconds * 1000)
      const task = { id, jsCode, items, end, timer }
      tasks.set(id, task)
      queued.push(id)
      offer()
    })
}
