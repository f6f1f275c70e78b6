import { shortened } from '../../lib/base/sensitive.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { listOf, onlyFields, anyText, readShape, wholeNumber } from '../../lib/base/shape.mts'
import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import { applicationPods, ofPart } from '../../lib/checks/pods.mts'
import { podsOf } from '../../lib/checks/standard.mts'
import { isPodReady } from '../../lib/kube/rollout/progress.mts'
import type { LiveObject, Pod } from '../../lib/kube/types.mts'
import { names, proxyPort } from './names.mts'
import { checksProgram } from './python.mts'
import type { LlmSettings } from './settings.mts'

export type Tools = CheckTools<LlmSettings>
export type LlmCheck = Check<LlmSettings>

/** What the checks leave behind when they are killed is called so. */
export const checkPrefix = 'keybuzz-check-'

/** One request from inside the cluster. Its key is known to the pod that sends it, and never leaves it. */
export interface Inside {
  readonly url: string
  readonly method?: 'POST' | 'PUT' | 'DELETE'
  /** `$TEMPORARY` in it becomes the temporary key. */
  readonly json?: unknown
  readonly as?: 'master' | 'temporary' | 'wrong' | 'qdrant' | 'qdrant-wrong'
}

/** The answer to one; status 0 when there was none, and why as its text. */
export interface Reply {
  readonly status: number
  readonly text: string
}

const replies = listOf(onlyFields({ status: wholeNumber, text: anyText }))

/**
 * Sends requests one after another from the pod of the checks.
 * @param name of the temporary key, where one of them uses it
 * @throws KitError exit 10 without that pod; exit 9 when its program fails
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

/** Runs its program with these words. @throws KitError as askInside */
export async function runChecks(tools: Tools, words: readonly string[]): Promise<string> {
  const namespace = names.namespace(tools.settings.ENV)
  const pods = ofPart(await applicationPods(tools, namespace, 'llm'), 'checks')
  const pod = pods.find((one) => isPodReady(one as unknown as Pod))
  if (pod === undefined)
    throw new KitError(`the pod of the checks is not ready: kubectl -n ${namespace} get pods`, {
      exitCode: exitCodes.validationFailed,
    })
  // Some make virtual keys.
  return tools.kube.runIn(pod, ['python3', checksProgram, ...words], { isRepeatable: false })
}

/** LiteLLM's pods that are not ending. */
export const proxies = async (tools: Tools): Promise<LiveObject[]> =>
  ofPart(await podsOf({ name: 'litellm', namespace: names.namespace }, tools), 'proxy')

/** The address of one pod: `http://10.42.0.7:4000`. */
export const addressOf = ({ status }: LiveObject): string =>
  `http://${(status as { podIP?: string }).podIP ?? 'no-address'}:${proxyPort}`

/** Two pods of LiteLLM. @throws KitError exit 10 when there are fewer: nothing can be counted across them */
export async function twoProxies(tools: Tools): Promise<readonly [string, string]> {
  const [one, other] = (await proxies(tools)).map(addressOf)
  if (one !== undefined && other !== undefined) return [one, other]
  throw new KitError('fewer than two pods of LiteLLM: nothing is counted across them', {
    exitCode: exitCodes.validationFailed,
  })
}

/** The JSON of a reply. @throws KitError exit 10 when it is not 200 or no JSON */
export function dataOf<T>({ status, text }: Reply, what: string): T {
  try {
    if (status === 200) return JSON.parse(text) as T
  } catch {
    // The error is thrown below.
  }
  throw new KitError(`${what}: ${status} ${shortened(text, 120)}`, { exitCode: exitCodes.validationFailed })
}

/** `200 200 429` */
export const statusesOf = (all: readonly Reply[]): string => all.map(({ status }) => status).join(' ')
