import { failed, passed, passedOver, warning } from '../../lib/checks/checks.mts'
import { unlessInterrupted } from '../../lib/base/errors.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { podLogs } from './logs.mts'
import { askServed, cookiesOf, signIn, type SupersetCheck, type Tools } from './session.mts'

// Checks of the responses by the public name, without and with sign-in.

const loginPage = (tools: Tools) => tools.once('superset.page', () => askServed(tools, '/login/'))

export const publicPages: SupersetCheck = {
  id: 'superset.public',
  title: 'The public name leads to Superset: its sign-in page, and a file of it',
  fix: '/health alone says only that gunicorn answers; kubectl -n NAMESPACE logs of a web pod, then the Ingress and the DNS record',
  async ask(tools) {
    const health = await askServed(tools, '/health')
    if (health.status !== 200 || health.text.trim() !== 'OK')
      return failed(`/health ${health.status} ${shortened(health.text, 80)}`)
    const page = await loginPage(tools)
    if (page.status !== 200) return failed(`/health 200, /login/ ${page.status} ${shortened(page.text, 80)}`)
    const [file] = /\/static\/assets\/[\w./-]+\.(?:js|css)\b/.exec(page.text) ?? []
    if (file === undefined) return failed('/login/ 200 names no file of /static/assets')
    const { status } = await askServed(tools, file)
    return status === 200 ? passedOver(`/login/ and ${file} 200`, page) : failed(`${file} ${status}`)
  },
}

/** A page that redirects to the sign-in; the parameter `next` has the URL by which it was requested. */
const closedPage = '/dashboard/list/'

/** The URL by which Superset believes that it was requested; undefined when its redirect has none. */
async function addressSeen(tools: Tools, headers: Record<string, string> = {}): Promise<string | undefined> {
  const answer = await askServed(tools, closedPage, { headers })
  const next = new URL(answer.headers.location ?? '', 'https://none.example.com').searchParams.get('next')
  return next ?? undefined
}

export const forwarded: SupersetCheck = {
  id: 'superset.forwarded',
  title: 'Superset knows that visitors come by https and by the public name',
  fix: 'the load balancer must send one X-Forwarded-Proto, https, and the Host as the browser sent it; the ingress must trust it',
  async ask(tools) {
    const wanted = `https://${tools.settings.SUPERSET_HOST}${closedPage}`
    const seen = await addressSeen(tools)
    if (seen === wanted) return passed(seen)
    if (seen === undefined) return failed(`${closedPage} names no address to come back to`)
    if (!seen.startsWith('http://')) return failed(`it takes itself for ${shortened(seen, 120)}`)
    // A header sent along shows what proxies do to it: one that replaces it, or appends to it, leaves http at its end.
    const own = await addressSeen(tools, { 'x-forwarded-proto': 'https' })
    return own?.startsWith('https://') === true
      ? failed('the load balancer sends no X-Forwarded-Proto: Superset answers with http addresses')
      : failed('X-Forwarded-Proto ends with http, as in "https,http": a proxy adds its own to the first one')
  },
}

/** Number of requests with one cookie: the ingress distributes them over all web pods. */
const turns = 8

export const form: SupersetCheck = {
  id: 'superset.form',
  title:
    'The administrator signs in by the form, with a cookie only HTTPS carries, which every web pod accepts',
  fix: '400 with CSRF: superset.forwarded, or pods with different keys; a pod that does not accept it runs with another SUPERSET_SECRET_KEY',
  async ask(tools) {
    const { SUPERSET_HOST: host, SUPERSET_ADMIN_USERNAME: username, SUPERSET_ADMIN_PASSWORD } = tools.settings
    const page = await askServed(tools, '/login/')
    const [, crumb] = /name="csrf_token"[^>]*value="([^"]+)"/.exec(page.text) ?? []
    if (crumb === undefined) return failed(`/login/ ${page.status} holds no form`)
    const answer = await askServed(tools, '/login/', {
      method: 'POST',
      form: { username, password: SUPERSET_ADMIN_PASSWORD.reveal(), csrf_token: crumb },
      headers: { cookie: cookiesOf(page), origin: `https://${host}`, referer: `https://${host}/login/` },
    })
    const { location = '' } = answer.headers
    if (answer.status !== 302 || location.includes('/login'))
      return failed(`${answer.status} ${location || shortened(answer.text, 120)}`.trim())
    if (location.startsWith('http') && !location.startsWith(`https://${host}/`))
      return failed(`it leads to ${shortened(location, 120)}`)
    const session = answer.headers['set-cookie']?.find((one) => one.startsWith('session=')) ?? ''
    const absent = ['httponly', 'secure', 'samesite=lax'].filter(
      (name) => !session.toLowerCase().includes(`; ${name}`),
    )
    if (absent.length > 0) return failed(`the cookie is not ${absent.join(', ')}`)
    return acceptedByAll(tools, cookiesOf(answer))
  },
}

async function acceptedByAll(tools: Tools, cookie: string) {
  for (let turn = 1; turn <= turns; turn += 1) {
    const { status } = await askServed(tools, '/api/v1/me/', { headers: { cookie } })
    if (status !== 200) return failed(`request ${turn} with the cookie: /api/v1/me/ ${status}`)
  }
  return passed(`302, HttpOnly, Secure, SameSite; ${turns} requests with the cookie 200`)
}

export const login: SupersetCheck = {
  id: 'superset.login',
  title: 'The administrator signs in by the API',
  fix: 'the password was changed in Superset: put it into 13_superset.env too; with kubectl exec: superset fab reset-password',
  async ask(tools) {
    const api = await signIn(tools)
    const { status, text } = await api.ask('/api/v1/me/')
    return status === 200 ? passed('/api/v1/me/ 200') : failed(`/api/v1/me/ ${status} ${shortened(text, 80)}`)
  },
}

export const closed: SupersetCheck = {
  id: 'superset.closed',
  title: 'A visitor without sign-in sees no data, no description of the API, and cannot register',
  fix: 'the role Public was given rights, or superset_config.py is not the kit’s: Security, List Roles',
  async ask(tools) {
    const open: string[] = []
    for (const path of ['/api/v1/database/', '/api/v1/_openapi', '/swagger/v1', '/register/form']) {
      const { status } = await askServed(tools, path)
      if (status === 200) open.push(path)
    }
    return open.length === 0
      ? passed('401, 404, or a way to the sign-in')
      : failed(`open: ${open.join(', ')}`)
  },
}

/** Requests at once: more than the allowed 50 a second, fewer than two pods allow together if each counts alone. */
const burst = 96
/** Number of bursts: one that falls into two seconds of the server's clock may stay below the limit. */
const tries = 4

export const limiter: SupersetCheck = {
  id: 'superset.limiter',
  title: 'All web pods count requests together: one visitor gets 50 a second',
  fix: 'RATELIMIT_STORAGE_URI must be the Redis of the settings: superset.configuration, then the log of a web pod',
  async ask(tools) {
    const { http, settings } = tools
    for (const [pod, text] of await podLogs(tools))
      if (text.includes('Using the in-memory storage')) return failed(`${pod} counts in its own memory`)
    let quickest = Infinity
    for (let left = tries; left > 0; left -= 1) {
      const started = performance.now()
      const asking = Array.from({ length: burst }, () =>
        http.ask(settings.SUPERSET_HOST, '/api/v1/me/').then(
          ({ status }) => status,
          unlessInterrupted(() => 0),
        ),
      )
      const refused = (await Promise.all(asking)).filter((status) => status === 429).length
      quickest = Math.min(quickest, Math.round(performance.now() - started))
      if (refused > 0) return passed(`${refused} of ${burst} requests at once answered 429`)
    }
    const said = `none of ${burst} requests in ${quickest} ms was refused`
    return quickest > 1000 ? warning(`${said}: too slow from here to reach the limit`) : failed(said)
  },
}
