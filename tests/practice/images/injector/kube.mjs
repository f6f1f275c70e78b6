// The API server, as a pod reaches it: by the token and CA of its service account.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'

const folder = '/var/run/secrets/kubernetes.io/serviceaccount'
const read = (name) => readFileSync(`${folder}/${name}`, 'utf8')

/** How it names itself: the API server makes the name of a field's owner of what is before the slash. */
const userAgent = 'vault-k8s/1.7.6 (STAND-IN)'

/** An answer that is neither what was asked for nor expected. `status` is its HTTP status. */
class ApiError extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** The namespace of this pod, and the requests of this program. */
export function connect() {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
  const agent = new Agent({ ca: read('ca.crt'), keepAlive: true })

  /** @throws ApiError for an answer of 400 and more */
  async function ask(method, path, body, type = 'application/json') {
    // The token is read each time: the kubelet renews it.
    const headers = { authorization: `Bearer ${read('token')}`, 'user-agent': userAgent }
    if (body !== undefined) headers['content-type'] = type
    const answer = await new Promise((resolve, reject) => {
      const asked = request({ agent, host, port, method, path, headers, timeout: 10_000 }, resolve)
      asked.on('timeout', () => asked.destroy(new Error('no answer within 10 s'))).on('error', reject)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
    const content = await text(answer)
    if (answer.statusCode >= 400)
      throw new ApiError(answer.statusCode, `${method} ${path}: ${content.trim()}`)
    return JSON.parse(content)
  }

  /** What a request gives, or undefined where the API server answers with this status. */
  const unless = (status, asked) =>
    asked.catch((error) => {
      if (error.status !== status) throw error
    })

  return {
    namespace: read('namespace').trim(),
    get: (path) => ask('GET', path),
    /** Undefined for an object that is not there. */
    find: (path) => unless(404, ask('GET', path)),
    /** Undefined for an object that is there already. */
    create: (path, object) => unless(409, ask('POST', path, object)),
    replace: (path, object) => ask('PUT', path, object),
    patch: (path, operations) => ask('PATCH', path, operations, 'application/json-patch+json'),
    remove: (path) => unless(404, ask('DELETE', path)),
  }
}
