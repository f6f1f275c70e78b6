import { shortened } from '../../lib/base/sensitive.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { listOf, onlyFields, anyText, readShape, wholeNumber } from '../../lib/base/shape.mts'
import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import { applicationPods, ofPart } from '../../lib/checks/pods.mts'
import { podsOf } from '../../lib/checks/standard.mts'
import { isPodReady } from '../../lib/kube/pods.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { names, proxyPort } from './names.mts'
import { checksProgram } from './python.mts'
import type { LlmSettings } from './settings.mts'

export type Tools = CheckTools<LlmSettings>
export type LlmCheck = Check<LlmSettings>

/** Begins the names of what the checks create: by it a run finds what a killed one left. */
export const checkPrefix = 'keybuzz-check-'

/** One request from inside the cluster. Only the pod that sends it has the key, which never leaves that pod. */
export interface Inside {
  readonly url: string
  readonly method?: 'POST' | 'PUT' | 'DELETE'
  /** `$TEMPORARY` in it becomes the temporary key. */
  readonly json?: unknown
  /** The key that is sent; none unless given. */
  readonly as?: 'master' | 'temporary' | 'wrong' | 'qdrant' | 'qdrant-wrong'
}

/** The response to one request; status 0 without a response, with the error as its text. */
export interface Reply {
  readonly status: number
  readonly text: string
}

const replies = listOf(onlyFields({ status: wholeNumber, text: anyText }))

/**
 * Sends requests one after another from the pod of the checks.
 * @param name from which the temporary key is derived, if one of them uses it
 * @returns a reply to each of them, in their order
 * @throws KitError exit 10 when that pod is not ready or its output is not a list of replies; exit 9 when its program
 *   fails; exit 3 or 5 to 9 from kubectl
 */
export async function askInside(tools: Tools, requests: readonly Inside[], name?: string): Promise<Reply[]> {
  const text = await runChecks(tools, ['ask', JSON.stringify({ name, requests })])
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new KitError(`the pod of the checks answered ${shortened(text, 80)}`, {
      exitCode: exitCodes.validationFailed,
      cause,
    })
  }
  return readShape('the answer of the pod of the checks', replies, json, {
    hint: 'run 15_llm_01_deploy_litellm again',
    exitCode: exitCodes.validationFailed,
  })
}

/**
 * Runs the program of the checks' pod.
 * @param words its arguments: `['migrations']`
 * @returns its stdout
 * @throws KitError exit 10 when that pod is not ready; exit 9 when its program fails; exit 3 or 5 to 9 from kubectl
 */
export async function runChecks(tools: Tools, words: readonly string[]): Promise<string> {
  const namespace = names.namespace(tools.settings.ENV)
  const pods = ofPart(await applicationPods(tools, namespace, 'llm'), 'checks')
  const pod = pods.find((one) => isPodReady(one))
  if (pod === undefined)
    throw new KitError(`the pod of the checks is not ready: kubectl -n ${namespace} get pods`, {
      exitCode: exitCodes.validationFailed,
    })
  // Not repeatable: some of these requests create virtual keys.
  return tools.kube.runIn(pod, ['python3', checksProgram, ...words], { isRepeatable: false })
}

/** LiteLLM's pods that are not being deleted. @throws KitError exit 3 or 5 to 9 from kubectl */
export const proxies = async (tools: Tools): Promise<LiveObject[]> =>
  ofPart(await podsOf({ name: 'litellm', namespace: names.namespace }, tools), 'proxy')

/** The URL of one pod: `http://10.42.0.7:4000`. */
export const addressOf = ({ status }: LiveObject): string =>
  `http://${(status as { podIP?: string }).podIP ?? 'no-address'}:${proxyPort}`

/** The URLs of two pods of LiteLLM. @throws KitError exit 10 when there are fewer; exit 3 or 5 to 9 from kubectl */
export async function twoProxies(tools: Tools): Promise<readonly [string, string]> {
  const [one, other] = (await proxies(tools)).map(addressOf)
  if (one !== undefined && other !== undefined) return [one, other]
  throw new KitError('fewer than two pods of LiteLLM: nothing is counted across them', {
    exitCode: exitCodes.validationFailed,
  })
}

/**
 * The JSON of a reply.
 * @param what was requested, for the error: `list collections`
 * @throws KitError exit 10 when the status is not 200 or the text is not JSON
 */
export function dataOf<T>({ status, text }: Reply, what: string): T {
  try {
    if (status === 200) return JSON.parse(text) as T
  } catch {
    // The error is thrown below.
  }
  throw new KitError(`${what}: ${status} ${shortened(text, 120)}`, { exitCode: exitCodes.validationFailed })
}

/** The statuses of replies for a message: `200 200 429`. */
export const statusesOf = (all: readonly Reply[]): string => all.map(({ status }) => status).join(' ')
