// HTTP as vault-k8s 1.7.6 speaks it: AdmissionReviews at /mutate, and its health. Pure but for the log.
import { Refusal } from './annotations.mjs'
import { patchFor } from './patch.mjs'

/**
 * The answer to a request: { status, json } or { status, text }.
 * @param request method, path, type (the content type) and body, a text
 * @param injector what the injector's environment says of the containers it adds
 */
export function answer({ method, path, type = '', body }, injector, log) {
  if (path === '/health/ready') return { status: 204, text: '' }
  if (path !== '/mutate') return { status: 404, text: '404 page not found' }
  log(`Request received: ${method} ${path}`)
  if (type !== 'application/json')
    return { status: 400, text: `Invalid content-type: ${JSON.stringify(type)}` }
  if (body === '') return { status: 400, text: 'Empty request body' }
  const request = requestIn(body)
  if (request === undefined) return { status: 400, text: 'STAND-IN of vault-k8s: no AdmissionReview' }
  const response = { uid: request.uid, ...verdictOn(request, injector, log) }
  return { status: 200, json: { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response } }
}

function requestIn(body) {
  try {
    return JSON.parse(body).request
  } catch {
    return undefined
  }
}

function verdictOn({ object, namespace }, injector, log) {
  try {
    const patch = patchFor(object, namespace, injector)
    if (patch === undefined) return { allowed: true }
    return {
      allowed: true,
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
      patchType: 'JSONPatch',
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    log(`refused: ${error.message}`)
    return { allowed: false, status: { metadata: {}, message: error.message } }
  }
}
