import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { type HttpRequest, askByName } from '../../lib/checks/http.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { applicationPods, componentOf } from '../../lib/checks/pods.mts'
import { hostOf, type Part } from './names.mts'
import { names } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'

export type Tools = CheckTools<KeybuzzSettings>
export type KeybuzzCheck = Check<KeybuzzSettings>

export const parts: readonly Part[] = ['api', 'front']

/** Asks a part by its public name; again while the ingress says that nobody is there. */
export const askServed = (
  { http, settings }: Tools,
  part: Part,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> => askByName(http, hostOf(settings, part), path, request)

/** API's and front's pods that are not ending. */
export const allPodsOf = (tools: Tools): Promise<LiveObject[]> =>
  applicationPods(tools, names.namespace(tools.settings.ENV), 'keybuzz')

/** Those of one part. */
export const podsOf = async (tools: Tools, part: Part): Promise<LiveObject[]> =>
  (await allPodsOf(tools)).filter((pod) => componentOf(pod) === part)
