import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { askByName, type HttpRequest } from '../../lib/checks/http.mts'
import type { SupersetSettings } from './settings.mts'

export type Tools = CheckTools<SupersetSettings>
export type SupersetCheck = Check<SupersetSettings>

/** Connections of the checks, and nothing else, are called so: what a killed run left is found by it. */
export const checkPrefix = 'keybuzz-check-'

/** Milliseconds in which Superset forgets the requests it has counted: its limits are for a second. */
const limitWindow = 10_000

/** Asks Superset by its public name; again while it answers 429, which another check provokes on purpose. */
export const askServed = (
  { http, settings }: Tools,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> =>
  pollUntil(() => askByName(http, settings.SUPERSET_HOST, path, request), {
    until: ({ status }) => status !== 429,
    milliseconds: limitWindow,
    every: 1200,
  })

/** Superset's API as its signed-in administrator uses it. */
export interface Api {
  ask(path: string, request?: HttpRequest): Promise<HttpAnswer>
}

/** Signs in by the API, once for all checks. @throws KitError exit 10 when Superset does not let the account in */
export const signIn = (tools: Tools): Promise<Api> => tools.once('superset.api', () => logIn(tools))

async function logIn(tools: Tools): Promise<Api> {
  const { SUPERSET_ADMIN_USERNAME: username, SUPERSET_ADMIN_PASSWORD: password } = tools.settings
  const json = { username, password: password.reveal(), provider: 'db', refresh: true }
  const answer = await askServed(tools, '/api/v1/security/login', { method: 'POST', json })
  const { access_token: token } = resultOf<{ access_token?: string }>(answer, `the sign-in of ${username}`)
  if (token === undefined) throw refused(answer, `the sign-in of ${username}`)
  const headers = { authorization: `Bearer ${sensitive(token).reveal()}` }
  // Superset wants its form token of the API too, with the session cookie it was given for.
  const page = await askServed(tools, '/api/v1/security/csrf_token/', { headers })
  const { result: crumb } = resultOf<{ result: string }>(page, 'the CSRF token')
  const all = {
    ...headers,
    'x-csrftoken': sensitive(crumb).reveal(),
    cookie: cookiesOf(page),
    referer: `https://${tools.settings.SUPERSET_HOST}/`,
  }
  return {
    ask: (path, request = {}) =>
      askServed(tools, path, { ...request, headers: { ...all, ...request.headers } }),
  }
}

/** The Cookie header that sends back what an answer set. */
export const cookiesOf = ({ headers }: HttpAnswer): string =>
  (headers['set-cookie'] ?? []).map((one) => sensitive(one.split(';')[0] ?? '').reveal()).join('; ')

/** The JSON of an answer of 200 to 202. @throws KitError exit 10 for any other, with Superset's own words */
export function resultOf<T>(answer: HttpAnswer, what: string): T {
  if (answer.status >= 200 && answer.status <= 202) return answer.json() as T
  throw refused(answer, what)
}

const refused = ({ status, text }: HttpAnswer, what: string): KitError =>
  new KitError(`${what}: Superset answered ${status} ${shortened(text, 200)}`.trim(), {
    exitCode: exitCodes.validationFailed,
  })
