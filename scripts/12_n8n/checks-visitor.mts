import { pollUntil } from '../../lib/base/poll.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { randomUUID } from 'node:crypto'
import { failed, passed, passedOver } from '../../lib/checks/checks.mts'
import { password } from '../../lib/settings/generators.mts'
import { askPublic, dataOf, signIn, type N8nCheck } from './session.mts'

// Checks of the responses by the public name, without and with login.

interface PublicSettings {
  userManagement?: { showSetupOnFirstLoad?: boolean }
}

export const publicHealth: N8nCheck = {
  id: 'n8n.public',
  title: 'The public name leads to n8n',
  fix: 'kubectl -n NAMESPACE describe ingress n8n; then the load balancer’s targets and the DNS record',
  async ask(tools) {
    const answer = await askPublic(tools, '/healthz/readiness')
    const { status, text } = answer
    return status === 200 && text.includes('"ok"')
      ? passedOver('/healthz/readiness 200', answer)
      : failed(`${status} ${shortened(text, 80)}`)
  },
}

export const owned: N8nCheck = {
  id: 'n8n.owner',
  title: 'The instance has its owner: no open set-up page',
  fix: 'look at the log of main: N8N_INSTANCE_OWNER_... was not taken',
  async ask(tools) {
    const answer = await askPublic(tools, '/rest/settings')
    const { userManagement } = dataOf<PublicSettings>(answer, 'read the settings')
    const open = userManagement?.showSetupOnFirstLoad
    return open === false
      ? passed('showSetupOnFirstLoad is false')
      : failed(`showSetupOnFirstLoad is ${String(open)}`)
  },
}

export const setupClosed: N8nCheck = {
  id: 'n8n.setup-closed',
  title: 'No visitor can become owner',
  fix: 'take the Ingress away at once, then find out why main runs without its owner variables',
  async ask(tools) {
    // An instance with an open set-up page gets no such request: the check itself would become its owner.
    const { userManagement } = dataOf<PublicSettings>(
      await askPublic(tools, '/rest/settings'),
      'read the settings',
    )
    if (userManagement?.showSetupOnFirstLoad !== false) return failed('the set-up page is open')
    const json = { email: 'nobody@example.com', firstName: 'No', lastName: 'Body', password: password(20) }
    const { status, text } = await askPublic(tools, '/rest/owner/setup', { method: 'POST', json })
    return status === 400 && /already/i.test(text)
      ? passed('400, already set up')
      : failed(`${status} ${shortened(text, 80)}`)
  },
}

export const login: N8nCheck = {
  id: 'n8n.login',
  title: 'The owner signs in, with a cookie only HTTPS carries',
  fix: 'N8N_OWNER_PASSWORD is set again at each start of main: restart it; a cookie that is not Secure means N8N_SECURE_COOKIE was changed',
  async ask(tools) {
    const { attributes } = await signIn(tools)
    const absent = ['httponly', 'secure', 'samesite'].filter((name) => !attributes.some(isNamed(name)))
    return absent.length === 0
      ? passed('n8n-auth, HttpOnly, Secure, SameSite')
      : failed(`the cookie is not ${absent.join(', ')}`)
  },
}

/** Finds an attribute of a cookie by its name. SameSite=None gives no protection and counts as absent. */
const isNamed = (name: string) => (attribute: string) =>
  attribute.split('=')[0] === name && attribute !== 'samesite=none'

export const urls: N8nCheck = {
  id: 'n8n.urls',
  title: 'n8n gives out https addresses of its public name',
  fix: 'N8N_HOST in 12_n8n.env is another name than the one you use: correct it and install again',
  async ask(tools) {
    const answer = await (await signIn(tools)).ask('/rest/settings')
    const found = dataOf<Record<string, string>>(answer, 'read the settings')
    const wanted = `https://${tools.settings.N8N_HOST}/`
    const wrong = ['urlBaseWebhook', 'urlBaseEditor'].filter(
      (key) => `${found[key]?.replace(/\/$/, '')}/` !== wanted,
    )
    return wrong.length === 0
      ? passed(wanted)
      : failed(wrong.map((key) => `${key} is ${found[key]}`).join(', '))
  },
}

/**
 * Milliseconds for which the owner’s own connection must be kept. A refusal comes after a look into the database; a foreign
 * page has longer.
 */
const keptMilliseconds = 500

export const push: N8nCheck = {
  id: 'n8n.push',
  title: 'The editor’s live connection works, from its own address only',
  fix: 'the ingress must pass WebSocket upgrades, Host and X-Forwarded-Proto; timeouts above 60 s',
  async ask(tools) {
    const { cookie } = await signIn(tools)
    const host = tools.settings.N8N_HOST
    const path = `/rest/push?pushRef=${randomUUID()}`
    // The ingress may still lead to a pod that is ending, which closes what it has accepted: Traefik reads changes of
    // endpoints every 2 s (providersThrottleDuration).
    const headers = { cookie, origin: `https://${host}` }
    const own = await pollUntil(() => tools.http.upgrade(host, path, headers, keptMilliseconds), {
      until: ({ status, kept }) => status !== 101 || kept,
      milliseconds: 4000,
      every: 2500,
    })
    if (own.status !== 101 || !own.kept)
      return failed(`handshake ${own.status}, ${own.kept ? 'kept' : 'closed at once'}`)
    const foreign = await tools.http.upgrade(host, path, { cookie, origin: 'https://elsewhere.example.com' })
    if (foreign.status >= 500)
      return failed(`handshake of a foreign page ${foreign.status}: no refusal of n8n`)
    return foreign.kept
      ? failed('a foreign page is accepted')
      : passed('101 and kept; a foreign Origin is refused')
  },
}

export const metricsHidden: N8nCheck = {
  id: 'n8n.metrics-hidden',
  title: 'Metrics are not public',
  fix: 'N8N_METRICS must stay off, or /metrics must be kept out of the Ingress',
  async ask(tools) {
    const { status, text } = await askPublic(tools, '/metrics')
    return text.includes('# HELP')
      ? failed(`/metrics ${status} shows figures`)
      : passed(`/metrics ${status}, no figures`)
  },
}
