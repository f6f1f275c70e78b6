// The task runner beside a worker: it fetches Code nodes from the worker's broker and evaluates them.
import { setTimeout as pause } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { fail, listen, requireEnvironment } from './server.mjs'

export async function runRunner(env) {
  requireEnvironment({}, ['N8N_RUNNERS_AUTH_TOKEN'])
  process.once('SIGTERM', () => process.exit(0))
  listen({
    port: Number(env.N8N_RUNNERS_LAUNCHER_HEALTH_CHECK_PORT ?? 5680),
    routes: { 'GET /healthz': () => ({ text: 'ok' }) },
    broken: () => ({ status: 500 }),
  })
  for (;;) {
    // The worker may start later, or again: then this runner signs on anew.
    await serveBroker(env).catch(() => pause(500))
  }
}

async function serveBroker({ N8N_RUNNERS_TASK_BROKER_URI: broker, N8N_RUNNERS_AUTH_TOKEN: token }) {
  const headers = { 'content-type': 'application/json' }
  async function ask(path, body) {
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const answer = await fetch(broker + path, { headers, ...sent })
    if (answer.status === 403) fail('the broker refuses N8N_RUNNERS_AUTH_TOKEN')
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
    return answer.json()
  }
  const { data } = await ask('/runners/auth', { token })
  headers.authorization = `Bearer ${data.token}`
  console.log('Task runner registered at the broker')
  for (;;) {
    const task = await ask('/runners/tasks')
    evaluate(task)
      .then((result) => ask(`/runners/tasks/${task.id}`, result))
      .catch((error) => console.error(`a result was lost: ${error.message}`))
  }
}

/** A Code node in its mode "run once for all items", with $input alone. */
async function evaluate({ jsCode, items }) {
  const $input = { first: () => items[0], all: () => items }
  try {
    const code = `(async () => {${jsCode}\n})()`
    return { items: await runInNewContext(code, { $input, setTimeout }, { timeout: 5000 }) }
  } catch (error) {
    return { error: error.message }
  }
}
