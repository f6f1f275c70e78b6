// The practice platform's launcher around n8n's real task runner: n8n's own launcher, a Go program, cannot be had
// as a package. It keeps the interface of the image n8nio/runners: the same variables, health on port 5680.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

const broker = process.env.N8N_RUNNERS_TASK_BROKER_URI ?? 'http://127.0.0.1:5679'
const { N8N_RUNNERS_AUTH_TOKEN: given, N8N_RUNNERS_AUTH_TOKEN_FILE: file } = process.env
const token = given ?? (file === undefined ? undefined : readFileSync(file, 'utf8').trimEnd())
const start = '/opt/n8n/node_modules/@n8n/task-runner/dist/start.js'
let runner
let ending = false

console.log('practice launcher: the real @n8n/task-runner, started by a launcher of the practice platform')
if (!token) {
  console.error('N8N_RUNNERS_AUTH_TOKEN is not set')
  process.exit(1)
}

/** A grant token, once the worker's broker listens; undefined while it does not. */
async function grant() {
  const answer = await fetch(`${broker}/runners/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
    // A worker that is still starting takes the connection and answers nothing: ask again, do not wait.
    signal: AbortSignal.timeout(3000),
  }).catch(() => undefined)
  if (answer?.status === 403) throw new Error('the broker refuses N8N_RUNNERS_AUTH_TOKEN')
  if (!answer?.ok) return undefined
  return (await answer.json()).data.token
}

createServer((request, response) => {
  const well = request.url === '/healthz' && runner !== undefined
  response.writeHead(well ? 200 : 404).end(well ? 'ok' : '')
}).listen(5680)

process.on('SIGTERM', () => {
  ending = true
  if (runner === undefined) process.exit(0)
  runner.kill('SIGTERM')
})

while (!ending) {
  const granted = await grant()
  if (granted === undefined) {
    await pause(500)
    continue
  }
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    N8N_RUNNERS_TASK_BROKER_URI: broker,
    N8N_RUNNERS_GRANT_TOKEN: granted,
  }
  runner = spawn(process.execPath, [start], { stdio: 'inherit', env })
  const code = await new Promise((resolve) => runner.on('exit', resolve))
  console.log(`runner ended with ${code}`)
  runner = undefined
}
// The health server would keep this process, and with it the pod, until the kubelet kills it.
process.exit(0)
