import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import { failed, passed, passedOver, warning } from '../../lib/checks/checks.mts'
import { brandingOf, publicBranding } from './branding.mts'
import { askServed, signIn, type ChatwootCheck, type Tools } from './session.mts'

// Checks of the responses by the public name, without and with sign-in.

interface ApiAnswer {
  readonly version?: string
  readonly queue_services?: string
  readonly data_services?: string
}

export const services: ChatwootCheck = {
  id: 'chatwoot.services',
  title: 'The public name leads to Chatwoot, which reaches PostgreSQL and Redis',
  fix: 'data_services is PostgreSQL, queue_services is Redis: look at the address that is failing from a web pod; else at the Ingress and the DNS record',
  async ask(tools) {
    const health = await askServed(tools, '/health')
    if (!health.text.includes('woot')) return failed(`/health ${health.status} ${shortened(health.text, 80)}`)
    const answer = await askServed(tools, '/api')
    if (answer.status !== 200) return failed(`/api ${answer.status} ${shortened(answer.text, 80)}`)
    const { version, queue_services: queue, data_services: data } = answer.json() as ApiAnswer
    const said = `version ${version}, queue_services ${queue}, data_services ${data}`
    return version !== undefined && queue === 'ok' && data === 'ok' ? passedOver(said, health) : failed(said)
  },
}

export const login: ChatwootCheck = {
  id: 'chatwoot.login',
  title: 'The super admin signs in',
  fix: 'the password was changed in Chatwoot: put it into 11_chatwoot.env too; 429: wait five minutes',
  async ask(tools) {
    const { accountId } = await signIn(tools)
    return passed(`200, account ${accountId}`)
  },
}

export const token: ChatwootCheck = {
  id: 'chatwoot.token',
  title: 'The API takes a token by its header, api-access-token',
  fix: 'clients send it as api-access-token: ingress and proxies drop names with underscores, because these can pass for other headers',
  async ask(tools) {
    const { token: value } = await signIn(tools)
    const statusOf = async (name: string) =>
      (await askServed(tools, '/api/v1/profile', { headers: { [name]: value } })).status
    // Rack reads both names as one; only that with hyphens passes every proxy.
    const hyphens = await statusOf('api-access-token')
    if (hyphens !== 200) return failed(`/api/v1/profile ${hyphens}`)
    const underscores = await statusOf('api_access_token')
    return underscores === 200
      ? passed('/api/v1/profile 200, by either name')
      : warning(`/api/v1/profile 200; sent as api_access_token it is dropped on the way (${underscores})`)
  },
}

export const onboarding: ChatwootCheck = {
  id: 'chatwoot.onboarding',
  title: 'The set-up page is closed: no visitor can become super admin',
  fix: 'take the Ingress away at once; then run 11_chatwoot_01_deploy, whose Job super-admin closes it',
  async ask(tools) {
    const { status, headers } = await askServed(tools, '/installation/onboarding')
    const to = headers.location ?? ''
    const closed = status >= 300 && status < 400 && !to.includes('/installation')
    return closed ? passed(`${status} to ${to}`) : failed(`${status} ${to}`.trim())
  },
}

const signInPage = (tools: Tools) => tools.once('chatwoot.page', () => askServed(tools, '/app/login'))

export const signup: ChatwootCheck = {
  id: 'chatwoot.signup',
  title: 'Sign-up without an invitation is off',
  fix: 'super admin, Settings, ENABLE_ACCOUNT_SIGNUP: what is set there counts, not the environment',
  async ask(tools) {
    const { status, text } = await signInPage(tools)
    const [, enabled] = /signupEnabled:\s*['"]?(\w+)/.exec(text) ?? []
    if (enabled === undefined) return failed(`/app/login ${status} does not say signupEnabled`)
    return enabled === 'false' ? passed('signupEnabled is false') : failed(`signupEnabled is ${enabled}`)
  },
}

export const brand: ChatwootCheck = {
  id: 'chatwoot.brand',
  title: 'The sign-in page carries the brand that was set',
  fix: 'it was changed in super admin, Settings: set it there and in 11_chatwoot.env alike, or delete the Job branding and install again',
  async ask(tools) {
    const { text } = await signInPage(tools)
    const [, json = '{}'] = /globalConfig\s*=\s*(\{.*?\});?\s*(?:\n|<)/.exec(text) ?? []
    const shown = valuesIn(json)
    if (shown === undefined) return failed(`/app/login: its globalConfig is no JSON: ${shortened(json, 80)}`)
    const wanted = brandingOf(tools.settings)
    const wrong = publicBranding.filter((name) => wanted[name] !== null && shown[name] !== wanted[name])
    return wrong.length === 0
      ? passed(`${shown['INSTALLATION_NAME']}`)
      : failed(wrong.map((name) => `${name} is ${shown[name] ?? 'not shown'}`).join(', '))
  },
}

function valuesIn(json: string): Readonly<Record<string, string>> | undefined {
  try {
    return JSON.parse(json) as Record<string, string>
  } catch {
    return undefined
  }
}

export const sdk: ChatwootCheck = {
  id: 'chatwoot.sdk',
  title: 'The script that web sites embed is served',
  fix: 'RAILS_SERVE_STATIC_FILES must not be false; the ingress must pass /packs',
  async ask(tools) {
    const { status, text } = await askServed(tools, '/packs/js/sdk.js')
    return status === 200 && text.includes('chatwoot')
      ? passed(`/packs/js/sdk.js ${text.length} bytes`)
      : failed(`/packs/js/sdk.js ${status}`)
  },
}

export const cable: ChatwootCheck = {
  id: 'chatwoot.cable',
  title: 'Messages arrive without reloading: /cable takes a WebSocket and keeps it',
  fix: 'the ingress must pass WebSocket upgrades on /cable; closed at once: Redis refuses the subscription',
  async ask(tools) {
    const { CHATWOOT_HOST: host } = tools.settings
    // Waits until the ingress controller serves this name: a handshake that it refuses looks like one of Chatwoot's.
    await askServed(tools, '/')
    const headers = { origin: `https://${host}`, 'sec-websocket-protocol': 'actioncable-v1-json' }
    const { status, kept } = await tools.http.upgrade(host, '/cable', headers)
    return status === 101 && kept
      ? passed('101 and kept')
      : failed(`handshake ${status}, ${kept ? 'kept' : 'closed at once'}`)
  },
}

export const superAdmin: ChatwootCheck = {
  id: 'chatwoot.super-admin',
  title: 'The super admin console takes a form: Chatwoot knows that visitors come by https',
  fix: '422: X-Forwarded-Proto does not arrive as https; the load balancer must send it and the ingress trust it',
  async ask(tools) {
    const { CHATWOOT_HOST: host, CHATWOOT_ADMIN_EMAIL: email, CHATWOOT_ADMIN_PASSWORD } = tools.settings
    const page = await askServed(tools, '/super_admin/sign_in')
    const [, crumb] =
      /name="(?:authenticity_token|csrf-token)"[^>]*(?:value|content)="([^"]+)"/.exec(page.text) ?? []
    if (crumb === undefined) return failed(`/super_admin/sign_in ${page.status} holds no form`)
    const pairs = (page.headers['set-cookie'] ?? []).map((one) => one.split(';')[0] ?? '')
    for (const secret of [crumb, ...pairs.map((pair) => pair.slice(pair.indexOf('=') + 1))])
      sensitive(secret, 16)
    const cookie = pairs.join('; ')
    const json = {
      authenticity_token: crumb,
      super_admin: { email, password: CHATWOOT_ADMIN_PASSWORD.reveal() },
    }
    const headers = { cookie, origin: `https://${host}` }
    const answer = await askServed(tools, '/super_admin/sign_in', { method: 'POST', json, headers })
    const inside = [302, 303].includes(answer.status) && !answer.headers.location?.includes('sign_in')
    return inside
      ? passed(`${answer.status}`)
      : failed(`${answer.status} ${shortened(answer.text, 80)}`.trim())
  },
}
