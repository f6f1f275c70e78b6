import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import { pollUntil } from '../../lib/base/poll.mts'
import type { Check, CheckTools } from '../../lib/checks/checks.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { type HttpRequest, askByName } from '../../lib/checks/http.mts'
import type { N8nSettings } from './settings.mts'

export type Tools = CheckTools<N8nSettings>
export type N8nCheck = Check<N8nSettings>

/** Begins the names of what the checks create, and of nothing else: by it a run finds what a killed one left. */
export const checkPrefix = 'keybuzz-check-'

/** The internal API of n8n (`/rest`), used as its owner. */
export interface Owner {
  readonly cookie: string
  /** The cookie's attributes, in lower case. */
  readonly attributes: readonly string[]
  /** Sends a request with the cookie. @throws KitError exit 2, 6 or 7, see askPublic */
  ask(path: string, request?: HttpRequest): Promise<HttpAnswer>
}

/**
 * Sends a request to n8n's public name, without login; repeated while the ingress controller answers in its place.
 * @throws KitError exit 2, 6 or 7, see askByName
 */
export const askPublic = (
  { http, settings }: Tools,
  path: string,
  request?: HttpRequest,
): Promise<HttpAnswer> => askByName(http, settings.N8N_HOST, path, request)

/**
 * Signs in as the owner, once for all checks: n8n allows about five logins a minute.
 * @throws KitError exit 10 when n8n refuses the login; exit 2, 6 or 7, see askPublic
 */
export const signIn = (tools: Tools): Promise<Owner> => tools.once('n8n.login', () => login(tools))

async function login(tools: Tools): Promise<Owner> {
  const { N8N_OWNER_EMAIL: email, N8N_OWNER_PASSWORD: password } = tools.settings
  const json = { emailOrLdapLoginId: email, password: password.reveal() }
  const answer = await patiently(() => askPublic(tools, '/rest/login', { method: 'POST', json }))
  const [pair = '', ...attributes] = sessionCookie(answer)
    .split(';')
    .map((part) => part.trim())
  if (answer.status !== 200 || pair === '') {
    throw new KitError(`n8n answered ${answer.status} to the login of ${email}`, {
      exitCode: exitCodes.validationFailed,
    })
  }
  remember(pair)
  return {
    cookie: pair,
    attributes: attributes.map((attribute) => attribute.toLowerCase()),
    ask: (path, request = {}) =>
      askPublic(tools, path, { ...request, headers: { ...request.headers, cookie: pair } }),
  }
}

/** Milliseconds after which n8n accepts logins again (five a minute for an account). */
const loginWindow = 65_000

/** Repeats a login while n8n answers 429: too many logins, by this kit or by users, are no fault of n8n. */
const patiently = (ask: () => Promise<HttpAnswer>): Promise<HttpAnswer> =>
  pollUntil(ask, {
    until: ({ status }) => status !== 429,
    milliseconds: loginWindow,
    every: 10_000,
    waiting: () => 'n8n counts five logins a minute and has had them: waiting for the next minute',
  })

/** A cookie `name=value` signs in whoever has its value: no log or report may show it. */
const remember = (pair: string): void => void sensitive(pair.slice(pair.indexOf('=') + 1), 16)

const sessionCookie = ({ headers }: HttpAnswer): string =>
  headers['set-cookie']?.find((cookie) => cookie.startsWith('n8n-auth=')) ?? ''

/**
 * The field `data` of a response of n8n's internal API.
 * @param what was requested, for the error: `list workflows`
 * @throws KitError exit 10 when the status is not 200 or the body is not JSON
 */
export function dataOf<T>(answer: HttpAnswer, what: string): T {
  if (answer.status === 200) return (answer.json() as { data: T }).data
  throw new KitError(`${what}: n8n answered ${answer.status} ${shortened(answer.text, 160)}`, {
    exitCode: exitCodes.validationFailed,
  })
}
