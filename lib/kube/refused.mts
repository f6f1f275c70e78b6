import type { Answer } from './api-answer.mts'

// What the API server says in place of a success: its Status object (Kubernetes API, meta/v1).

/** One cause in the details of a Status: `NamespaceTerminating`, or `FieldValueForbidden` of a field. */
export interface Cause {
  readonly reason?: string
  /** `spec.resources.requests.storage` */
  readonly field?: string
}

/** An answer of the API server that is no success. */
export interface Refused {
  /** HTTP status. */
  readonly status: number
  /** `Forbidden`; empty for an error the server has no reason for, such as most of etcd’s. */
  readonly reason: string
  readonly message: string
  readonly causes: readonly Cause[]
  /** What is refused, by its own words: `pods "web-1"`; undefined when it names nothing. */
  readonly object?: string
}

/**
 * The reason of a response that gives none, and words for it (apimachinery, NewGenericServerResponse), by its HTTP status.
 */
const usual: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  403: ['Forbidden', 'forbidden'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: ['Conflict', 'the server reported a conflict'],
  410: ['Gone', 'the requested resource is no longer available'],
  413: ['RequestEntityTooLarge', 'Request entity too large'],
  422: ['Invalid', 'the request is invalid'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
}

/** What an answer refuses. A front that is no API server gives its HTTP status alone. */
export function refusedIn({ status, body }: Pick<Answer, 'status' | 'body'>): Refused {
  const said = statusIn(body)
  if (said !== undefined) return { status, ...said }
  const [reason, message] = usual[status] ?? []
  if (reason !== undefined) return { status, reason, message: `${message}\n${body}`, causes: [] }
  return status >= 500
    ? {
        status,
        reason: 'InternalError',
        message: `an error on the server (${JSON.stringify(body)}) has prevented the request`,
        causes: [],
      }
    : {
        status,
        reason: '',
        message: `the server responded with the status code ${status} but did not return more information`,
        causes: [],
      }
}

/** The fields of a Status that the kit reads; undefined for anything else. */
function statusIn(body: string): Omit<Refused, 'status'> | undefined {
  try {
    const found = JSON.parse(body) as Record<string, unknown> | null
    if (found?.['kind'] !== 'Status' || typeof found['message'] !== 'string') return undefined
    const { reason, message, details } = found
    const { kind, name, causes } = (details ?? {}) as Record<string, unknown>
    const isNamed = typeof kind === 'string' && kind !== '' && typeof name === 'string' && name !== ''
    return {
      reason: text(reason),
      message,
      causes: (Array.isArray(causes) ? causes : []).map((one: Record<string, unknown> | null) => ({
        reason: text(one?.['reason']),
        field: text(one?.['field']),
      })),
      ...(isNamed ? { object: `${kind} "${name}"` } : {}),
    }
  } catch {
    return undefined
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The HTTP status of each reason (apimachinery, api/errors). */
const statuses: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.entries(usual).map(([status, [reason]]) => [reason, Number(status)])),
  AlreadyExists: 409,
  InternalError: 500,
  ServerTimeout: 500,
}

/**
 * The answer of the API server that a kubectl process reports: kubectl writes its reason and message, and none of its
 * other fields.
 * @param said lines of kubectl's stderr
 * @returns undefined when kubectl got no such answer
 */
export function refusedInWords(said: string): Refused | undefined {
  const [, login] = /^error: You must be logged in to the server \(([^]*)\)$/m.exec(said) ?? []
  if (login !== undefined) return { status: 401, reason: 'Unauthorized', message: login, causes: [] }
  const [, reason = '', message] = /^Error from server(?: \((\w+)\))?: ([^]*)/m.exec(said) ?? []
  if (message === undefined) return undefined
  return { status: statuses[reason] ?? 500, reason, message, causes: [] }
}

/** An answer in the words kubectl has for it: operators and search engines know these. */
export function serverSays({ reason, message }: Refused): string {
  if (reason === 'Unauthorized') return `error: You must be logged in to the server (${message})`
  return reason === '' ? `Error from server: ${message}` : `Error from server (${reason}): ${message}`
}
