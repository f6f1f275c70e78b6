// A stand-in of vault-k8s 1.7.6 (`vault-k8s agent-inject`) for a machine without that program: with the environment,
// annotations, objects and rights that module 14 gives it, and no other. tests/unit/scripts/14_vault/injector-real.test.mts
// compares it with the real one.
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { followSecret, keepCertificate } from './certificates.mjs'
import { readEnvironment } from './environment.mjs'
import { connect } from './kube.mjs'
import { becomeLeader } from './leader.mjs'
import { answer } from './review.mjs'

const log = (line) => console.log(`${new Date().toISOString()} STAND-IN of vault-k8s: ${line}`)

function fail(why) {
  log(why)
  process.exit(1)
}

console.log(
  'STAND-IN of vault-k8s 1.7.6: it injects what this kit asks for, and is not the program of HashiCorp',
)
// As the first process of a container it would not hear this signal; like the real one it ends at once.
process.on('SIGTERM', () => process.exit(2))

const command = process.argv.slice(2).join(' ')
if (command !== 'agent-inject') fail(`it knows no command ${command}`)

function settings() {
  try {
    return readEnvironment(process.env)
  } catch (error) {
    return fail(error.message)
  }
}
const { pod, listen, agents, ...names } = settings()

const server = createServer(async (request, response) => {
  const { method, url: path, headers } = request
  const asked = { method, path, type: headers['content-type'], body: await text(request) }
  try {
    const { status, json, text: words } = answer(asked, agents, log)
    const type = json === undefined ? 'text/plain; charset=utf-8' : 'application/json'
    response.writeHead(status, { 'content-type': type })
    response.end(json === undefined ? words : JSON.stringify(json))
  } catch (error) {
    log(`no answer to ${method} ${path}: ${error.message}`)
    response.writeHead(500).end()
  }
})

// Longer than the API server keeps an idle connection: it must not send a review to one that is just closing.
server.keepAliveTimeout = 120_000

/** With its first certificate it begins to listen: ready means that it has one. */
function serve(certificate) {
  server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' })
  if (!server.listening) server.listen(listen, () => log(`listens on port ${listen.port}`))
}

/** Tries ten times, as the real one: then the process ends, and its container is started anew. */
async function lead(kube) {
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    try {
      await becomeLeader(kube, pod, log)
      return await keepCertificate(kube, names, log)
    } catch (error) {
      log(`trouble becoming the leader: ${error.message}`)
      await pause(500 * attempt)
    }
  }
  return fail('it did not become the leader')
}

const kube = connect()
await Promise.all([followSecret(kube, serve, log), lead(kube)])
