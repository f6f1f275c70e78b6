import type { Answer, Origin } from './api-answer.mts'
import { kubectlError, type Failed } from './kubectl-errors.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'

// Error responses of the API server, in the words kubectl has for them: one table (kubectl-refusals.mts) then gives
// meaning and exit code, for HTTP requests and for kubectl commands.

/** The reason of a response that gives none (apimachinery, NewGenericServerResponse), by its HTTP status. */
const reasons: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  403: ['Forbidden', 'forbidden'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: ['Conflict', 'the server reported a conflict'],
  410: ['Gone', 'the requested resource is no longer available'],
  413: ['RequestEntityTooLarge', 'Request entity too large'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
}

/** The fields of a Status object that give the cause (Kubernetes API, meta/v1). */
interface Status {
  readonly reason: string
  readonly message: string
}

/**
 * The error for a response that is not 2xx.
 * @param words the kubectl command for the same request: `get`, `pods`
 * @param sent the object that was sent
 * @returns as kubectlError; exit 9 for the response of a pod, Service or node
 */
export const answerError = (words: readonly string[], answer: Answer, sent?: unknown): KitError =>
  answer.origin === undefined
    ? kubectlError(words, { code: 1, stderr: wordsOf(answer), ...dataOf(answer) }, sent)
    : originError(answer.origin, answer)

function originError({ kind, name, namespace }: Origin, { status, body }: Answer): KitError {
  const said = shortened(body.replaceAll(/\s+/g, ' ').trim(), 160)
  const where = namespace === undefined ? '' : `--namespace ${namespace} `
  return new KitError(`${kind} ${name} answers ${status}${said === '' ? '' : `: ${said}`}`, {
    exitCode: exitCodes.rolloutFailed,
    hint: `see why: kubectl ${where}${kind === 'pod' ? `logs ${name}` : `describe ${kind} ${name}`}`,
  })
}

/** What the API server says in data; nothing where it was not reached. */
function dataOf(answer: Answer): Pick<Failed, 'status' | 'reason'> {
  const { status, isOfProxy } = answer
  if (isOfProxy) return {}
  const reason = statusIn(answer)?.reason ?? reasons[status]?.[0]
  return { status, ...(reason === undefined ? {} : { reason }) }
}

function wordsOf(answer: Answer): string {
  const { status, body, isOfProxy, said: before = '' } = answer
  if (isOfProxy) return `${before}\nUnable to connect to the server: ${body.trim()}`
  const said = statusIn(answer)
  if (said !== undefined) return serverSays(said.reason, said.message)
  const [reason, message] = reasons[status] ?? []
  if (reason !== undefined && message !== undefined) return serverSays(reason, `${message}\n${body}`)
  return status >= 500
    ? serverSays(
        'InternalError',
        `an error on the server (${JSON.stringify(body)}) has prevented the request`,
      )
    : serverSays(
        '',
        `the server responded with the status code ${status} but did not return more information`,
      )
}

function serverSays(reason: string, message: string): string {
  if (reason === 'Unauthorized') return `error: You must be logged in to the server (${message})`
  return reason === '' ? `Error from server: ${message}` : `Error from server (${reason}): ${message}`
}

function statusIn({ body }: Answer): Status | undefined {
  try {
    const found = JSON.parse(body) as Record<string, unknown> | null
    if (found?.['kind'] !== 'Status' || typeof found['message'] !== 'string') return undefined
    const { reason, message } = found
    return { reason: typeof reason === 'string' ? reason : '', message }
  } catch {
    return undefined
  }
}
