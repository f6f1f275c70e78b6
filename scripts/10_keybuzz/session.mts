import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { type HttpRequest, askByName } from '../../lib/checks/http.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { applicationPods, ofPart } from '../../lib/checks/pods.mts'
import { type Part, hostOf, names } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'

export type Tools = CheckTools<KeybuzzSettings>
export type KeybuzzCheck = Check<KeybuzzSettings>

/** Both parts, in the order of their steps. */
export const parts: readonly Part[] = ['api', 'front']

/**
 * Sends a request to the public name of a part; repeated while the ingress controller answers in its place.
 * @throws KitError exit 2, 6 or 7, see askByName
 */
export const askServed = (
  { http, settings }: Tools,
  part: Part,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> => askByName(http, hostOf(settings, part), path, request)

/** The pods of one part that are not being deleted. @throws KitError exit 3 or 5 to 9 from kubectl */
export const podsOf = async (tools: Tools, part: Part): Promise<LiveObject[]> =>
  ofPart(await applicationPods(tools, names.namespace(tools.settings.ENV), 'keybuzz'), part)
