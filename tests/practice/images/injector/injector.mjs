// A stand-in of vault-k8s 1.7.6 (`vault-k8s agent-inject`) for a machine without that program: with the environment,
// annotations, objects and rights that module 14 gives it, and no other. tests/unit/scripts/14_vault/injector.test.mts
// compares it with the real one.
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { followSecret, keepCertificate } from './certificates.mjs'
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

/** Every variable it knows; null where it must be given. */
const variables = {
  LISTEN: null,
  LOG_LEVEL: 'info',
  VAULT_ADDR: null,
  VAULT_IMAGE: null,
  VAULT_AUTH_TYPE: 'kubernetes',
  VAULT_AUTH_PATH: 'auth/kubernetes',
  VAULT_NAMESPACE: '',
  VAULT_CACERT_BYTES: '',
  TLS_AUTO: null,
  TLS_AUTO_HOSTS: null,
  USE_LEADER_ELECTOR: null,
  CPU_REQUEST: '250m',
  CPU_LIMIT: '500m',
  MEM_REQUEST: '64Mi',
  MEM_LIMIT: '128Mi',
  AUTH_MAX_BACKOFF: '',
}

function readEnvironment(environment) {
  const start = 'AGENT_INJECT_'
  const foreign = Object.keys(environment).filter(
    (name) => name.startsWith(start) && !(name.slice(start.length) in variables),
  )
  if (foreign.length > 0) fail(`it knows no variable ${foreign.join(', ')}`)
  const missing = Object.keys(variables).filter(
    (name) => variables[name] === null && !environment[start + name],
  )
  if (missing.length > 0) fail(`${missing.map((name) => start + name).join(', ')}: not set`)
  return Object.fromEntries(
    Object.entries(variables).map(([name, otherwise]) => [name, environment[start + name] ?? otherwise]),
  )
}

const given = (text) => (text === '' ? undefined : text)
const command = process.argv.slice(2).join(' ')
if (command !== 'agent-inject') fail(`it knows no command ${command}`)
const env = readEnvironment(process.env)
const { POD_NAME: pod } = process.env
if (!pod) fail('POD_NAME: not set')
if (env.USE_LEADER_ELECTOR !== 'true')
  fail('it works with a leader only: AGENT_INJECT_USE_LEADER_ELECTOR=true')

const injector = {
  image: env.VAULT_IMAGE,
  address: env.VAULT_ADDR,
  authType: env.VAULT_AUTH_TYPE,
  authPath: env.VAULT_AUTH_PATH,
  namespace: given(env.VAULT_NAMESPACE),
  cacert: given(env.VAULT_CACERT_BYTES),
  maxBackoff: given(env.AUTH_MAX_BACKOFF),
  resources: {
    limits: { cpu: env.CPU_LIMIT, memory: env.MEM_LIMIT },
    requests: { cpu: env.CPU_REQUEST, memory: env.MEM_REQUEST },
  },
}

const server = createServer(async (request, response) => {
  const { method, url: path, headers } = request
  const asked = { method, path, type: headers['content-type'], body: await text(request) }
  try {
    const { status, json, text: words } = answer(asked, injector, log)
    const type = json === undefined ? 'text/plain; charset=utf-8' : 'application/json'
    response.writeHead(status, { 'content-type': type })
    response.end(json === undefined ? words : JSON.stringify(json))
  } catch (error) {
    log(`no answer to ${method} ${path}: ${error.message}`)
    response.writeHead(500).end()
  }
})

/** With its first certificate it begins to listen: ready means that it has one. */
function serve(certificate) {
  server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' })
  if (server.listening) return
  const [, host, port] = /^(.*):(\d+)$/.exec(env.LISTEN) ?? fail(`AGENT_INJECT_LISTEN is ${env.LISTEN}`)
  server.listen({ port: Number(port), host: given(host) }, () => log(`listens on ${env.LISTEN}`))
}

/** Tries ten times, as the real one: then the process ends, and its container is started anew. */
async function lead(kube) {
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    try {
      await becomeLeader(kube, pod, log)
      return await keepCertificate(kube, { webhook: env.TLS_AUTO, hosts: env.TLS_AUTO_HOSTS.split(',') }, log)
    } catch (error) {
      log(`trouble becoming the leader: ${error.message}`)
      await pause(500 * attempt)
    }
  }
  return fail('it did not become the leader')
}

// As the first process of a container it would not hear this signal; like the real one it ends at once.
process.on('SIGTERM', () => process.exit(2))
const kube = connect()
await Promise.all([followSecret(kube, serve, log), lead(kube)])
