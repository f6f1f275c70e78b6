import { exitCodes, KitError } from '../../lib/base/errors.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { askByName, type HttpRequest } from '../../lib/checks/http.mts'
import type { SupersetSettings } from './settings.mts'

export type Tools = CheckTools<SupersetSettings>
export type SupersetCheck = Check<SupersetSettings>

/** Begins the names of the checks' connections, and of nothing else: by it a run finds what a killed one left. */
export const checkPrefix = 'keybuzz-check-'

/** Milliseconds for which a request is repeated after 429. Superset's limits are per second. */
const limitWindow = 10_000

/**
 * Sends a request to Superset's public name; repeated while it answers 429, which another check causes on purpose.
 * @throws KitError exit 2, 6 or 7, see askByName
 */
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

/** Superset's API, used as its administrator. */
export interface Api {
  /** Sends a request with the session. @throws KitError exit 2, 6 or 7, see askServed */
  ask(path: string, request?: HttpRequest): Promise<HttpAnswer>
}

/**
 * Signs in by the API, once for all checks.
 * @throws KitError exit 10 when Superset refuses the sign-in or gives no CSRF token; exit 2, 6 or 7, see askServed
 */
export const signIn = (tools: Tools): Promise<Api> => tools.once('superset.api', () => logIn(tools))

async function logIn(tools: Tools): Promise<Api> {
  const { SUPERSET_ADMIN_USERNAME: username, SUPERSET_ADMIN_PASSWORD: password } = tools.settings
  const json = { username, password: password.reveal(), provider: 'db', refresh: true }
  const answer = await askServed(tools, '/api/v1/security/login', { method: 'POST', json })
  const { access_token: token } = resultOf<{ access_token?: string }>(answer, `the sign-in of ${username}`)
  if (token === undefined) throw refused(answer, `the sign-in of ${username}`)
  const headers = { authorization: `Bearer ${sensitive(token).reveal()}` }
  // Superset requires a CSRF token in API requests too, with the session cookie that it belongs to.
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

/** The Cookie header that returns the cookies set by a response. */
export const cookiesOf = ({ headers }: HttpAnswer): string =>
  (headers['set-cookie'] ?? [])
    .map((one) => {
      const pair = one.split(';')[0] ?? ''
      sensitive(pair.slice(pair.indexOf('=') + 1), 16)
      return pair
    })
    .join('; ')

/**
 * The JSON of a response with status 200 to 202.
 * @param what was requested, for the error: `list connections`
 * @throws KitError exit 10 for any other status, with Superset's own words, or when the body is not JSON
 */
export function resultOf<T>(answer: HttpAnswer, what: string): T {
  if (answer.status >= 200 && answer.status <= 202) return answer.json() as T
  throw refused(answer, what)
}

const refused = ({ status, text }: HttpAnswer, what: string): KitError =>
  new KitError(`${what}: Superset answered ${status} ${shortened(text, 200)}`.trim(), {
    exitCode: exitCodes.validationFailed,
  })
