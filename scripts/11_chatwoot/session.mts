import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { type HttpRequest, askByName } from '../../lib/checks/http.mts'
import type { LiveObject } from '../../lib/kube/types.mts'
import { applicationPods, ofPart } from '../../lib/checks/pods.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'

export type Tools = CheckTools<ChatwootSettings>
export type ChatwootCheck = Check<ChatwootSettings>

/** Begins the names of the drills' inboxes, and of nothing else. */
export const checkPrefix = 'keybuzz-check-'

/**
 * Sends a request to Chatwoot's public name; repeated while the ingress controller answers in its place.
 * @throws KitError exit 2, 6 or 7, see askByName
 */
export const askServed = (
  { http, settings }: Tools,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> => askByName(http, settings.CHATWOOT_HOST, path, request)

/** What a sign-in returns. */
export interface Session {
  /** The headers that authenticate a request, as the dashboard sends them. */
  readonly headers: Readonly<Record<string, string>>
  /** The account's token for the API. */
  readonly token: string
  readonly accountId: number
}

/**
 * Signs in as the super admin, once for all checks: Chatwoot allows five attempts in five minutes.
 * @throws KitError exit 10 when Chatwoot refuses the sign-in; exit 2, 6 or 7, see askServed
 */
export const signIn = (tools: Tools): Promise<Session> => tools.once('chatwoot.login', () => login(tools))

interface SignedIn {
  readonly data?: { readonly access_token?: string; readonly account_id?: number }
}

async function login(tools: Tools): Promise<Session> {
  const { CHATWOOT_ADMIN_EMAIL: email, CHATWOOT_ADMIN_PASSWORD: password } = tools.settings
  const json = { email, password: password.reveal() }
  const answer = await askServed(tools, '/auth/sign_in', { method: 'POST', json })
  const { data } = (answer.status === 200 ? answer.json() : {}) as SignedIn
  const names = ['access-token', 'client', 'uid'] as const
  const headers = Object.fromEntries(names.map((name) => [name, String(answer.headers[name] ?? '')]))
  const absent = names.filter((name) => headers[name] === '')
  if (data?.access_token === undefined || absent.length > 0) {
    const why =
      answer.status === 200 ? `without ${absent.join(', ') || 'a token'}` : shortened(answer.text, 120)
    throw new KitError(`Chatwoot answered ${answer.status} to the sign-in of ${email}: ${why}`, {
      exitCode: exitCodes.validationFailed,
    })
  }
  // `client` and `uid` authenticate nothing without the token.
  for (const value of [headers['access-token'] ?? '', data.access_token]) sensitive(value, 16)
  return { headers, token: data.access_token, accountId: data.account_id ?? 1 }
}

/** The pods of one part that are not being deleted. @throws KitError exit 3 or 5 to 9 from kubectl */
export const podsOf = async (tools: Tools, part: 'web' | 'worker'): Promise<LiveObject[]> =>
  ofPart(await applicationPods(tools, names.namespace(tools.settings.ENV), 'chatwoot'), part)
