import type { Answer, Origin } from './api-answer.mts'
import { kubectlError } from './kubectl-errors.mts'
import { refusalError } from './server-errors.mts'
import { refusedIn } from './refused.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { shortened } from '../base/sensitive.mts'

// The errors of HTTP requests: by what gave the answer, the API server, `kubectl proxy`, or an application behind both.

/**
 * The error for a response that is not 2xx.
 * @param words the kubectl command for the same request: `get`, `pods`
 * @param sent the object that was sent
 * @returns as refusalError; as kubectlError where `kubectl proxy` reached no API server; exit 9 for the response of a pod,
 * Service or node
 */
export function answerError(words: readonly string[], answer: Answer, sent?: unknown): KitError {
  const { origin, isOfProxy, said = '', body } = answer
  if (origin !== undefined) return originError(origin, answer)
  return isOfProxy
    ? kubectlError(words, { code: 1, stderr: `${said}\nUnable to connect to the server: ${body.trim()}` })
    : refusalError(words, refusedIn(answer), sent)
}

function originError({ kind, name, namespace }: Origin, { status, body }: Answer): KitError {
  const said = shortened(body.replaceAll(/\s+/g, ' ').trim(), 160)
  const where = namespace === undefined ? '' : `--namespace ${namespace} `
  return new KitError(`${kind} ${name} answers ${status}${said === '' ? '' : `: ${said}`}`, {
    exitCode: exitCodes.rolloutFailed,
    hint: `see why: kubectl ${where}${kind === 'pod' ? `logs ${name}` : `describe ${kind} ${name}`}`,
  })
}
