import { shortened } from '../../lib/base/sensitive.mts'
import { pollIngress } from '../../lib/base/poll.mts'
import { failed, passed, passedOver } from '../../lib/checks/checks.mts'
import { unlessInterrupted, wordsOf } from '../../lib/base/errors.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import { itemsOf } from '../../lib/settings/validators.mts'
import { type Part, healthOf, hostOf, nameOf, names, portOf } from './names.mts'
import { askServed, parts, type KeybuzzCheck, type Tools } from './session.mts'

// Checks of the responses of API and front, by their Services and by their public names.

const isGood = (status: number): boolean => status >= 200 && status < 400

export const inside: KeybuzzCheck = {
  id: 'keybuzz.service',
  title: 'API and front answer through their Services',
  fix: 'kubectl -n NAMESPACE get endpointslices: without addresses no pod is ready; API_PORT and FRONT_PORT must be what the containers listen on',
  async ask({ kube, settings }) {
    const wrong: string[] = []
    for (const part of parts) {
      const service = `${nameOf(part)}:${portOf(settings, part)}`
      const base = `/api/v1/namespaces/${names.namespace(settings.ENV)}/services/${service}/proxy`
      const note = unlessInterrupted((thrown) => {
        wrong.push(`${service}: ${shortened(wordsOf(thrown), 160)}`)
      })
      await kube.raw(base + healthOf(settings, part)).catch(note)
    }
    return wrong.length === 0
      ? passed(parts.map((part) => healthOf(settings, part)).join(', '))
      : failed(wrong.join('; '))
  },
}

export const outside: KeybuzzCheck = {
  id: 'keybuzz.public',
  title: 'The public names lead to API and front',
  fix: 'kubectl -n NAMESPACE describe ingress; then the load balancer’s targets and the DNS records',
  async ask(tools) {
    const answers: [string, HttpAnswer][] = []
    for (const part of parts) {
      const path = healthOf(tools.settings, part)
      const answer = await askServed(tools, part, path)
      answers.push([`${hostOf(tools.settings, part)}${path} ${answer.status}`, answer])
    }
    const text = answers.map(([words]) => words).join(', ')
    if (!answers.every(([, { status }]) => isGood(status))) return failed(text)
    return passedOver(text, ...answers.map(([, answer]) => answer))
  },
}

const firstPages = (tools: Tools): Promise<readonly (readonly [Part, HttpAnswer])[]> =>
  tools.once('keybuzz.pages', async () => {
    const pages: [Part, HttpAnswer][] = []
    for (const part of parts) pages.push([part, await askServed(tools, part, healthOf(tools.settings, part))])
    return pages
  })

export const https: KeybuzzCheck = {
  id: 'keybuzz.https',
  title: 'Pages and redirects give out https addresses of the public names',
  fix: 'build addresses from API_URL and FRONT_URL, or trust X-Forwarded-Proto; a redirect to the same page means that it sees http',
  async ask(tools) {
    const { API_HOST, FRONT_HOST } = tools.settings
    const wrong = (await firstPages(tools)).flatMap(([part, { text, headers }]) => {
      const said = `${headers.location ?? ''} ${text}`
      const plain = [API_HOST, FRONT_HOST].filter((host) => said.includes(`http://${host}`))
      const own = `https://${hostOf(tools.settings, part)}${healthOf(tools.settings, part)}`
      return [
        ...plain.map((host) => `${part} gives out http://${host}`),
        ...(headers.location === own ? [`${part} redirects ${own} to itself`] : []),
      ]
    })
    return wrong.length === 0 ? passed('no http:// address of ours') : failed(wrong.join(', '))
  },
}

export const headers: KeybuzzCheck = {
  id: 'keybuzz.headers',
  title: 'A browser gets cookies only HTTPS carries, and CORS for the named origins alone',
  fix: 'cookies need Secure behind TLS; CORS is set by API_CORS_ORIGINS, or by the API itself, not by both',
  async ask(tools) {
    const cookies = (await firstPages(tools)).flatMap(([part, answer]) =>
      (answer.headers['set-cookie'] ?? [])
        .filter((cookie) => !/;\s*secure/i.test(cookie))
        .map((cookie) => `${part} sets ${cookie.split('=')[0]} without Secure`),
    )
    const origins = await pollIngress(
      () => lookAtOrigins(tools),
      ({ wrong }) => wrong.length === 0,
    )
    const wrong = [...cookies, ...origins.wrong]
    if (wrong.length > 0) return failed(wrong.join('; '))
    const named = itemsOf(tools.settings.API_CORS_ORIGINS)
    if (named.length > 0) return passed(`a foreign origin may not; ${named.join(', ')} may`)
    return passed(
      origins.foreign === '*'
        ? 'none is named; the API itself lets every page call it, without its cookies (*)'
        : 'a foreign origin may not; none is named',
    )
  },
}

interface Origins {
  readonly wrong: readonly string[]
  /** What the API allows to an origin that is not in API_CORS_ORIGINS. */
  readonly foreign: string | undefined
}

/**
 * Looks at the CORS headers, for each origin in API_CORS_ORIGINS and for one that is not there. Where none is named, CORS
 * is the API's own: it may be public, by `*`, with which a browser sends no cookies.
 */
async function lookAtOrigins(tools: Tools): Promise<Origins> {
  const named = itemsOf(tools.settings.API_CORS_ORIGINS)
  const wrong: string[] = []
  for (const origin of named) {
    const allowed = await allowedFor(tools, origin)
    if (allowed !== origin) wrong.push(`${origin} may not call the API: ${allowed ?? 'no CORS header'}`)
  }
  const foreign = 'https://elsewhere.example.com'
  const allowed = await allowedFor(tools, foreign)
  if (allowed === foreign || (named.length > 0 && allowed === '*'))
    wrong.push(`any page may call the API: ${allowed}`)
  return { wrong, foreign: allowed }
}

/**
 * Sends a CORS preflight request, as a browser does before a request that is not simple (Fetch standard).
 * @returns the response's access-control-allow-origin; undefined without it
 */
async function allowedFor(tools: Tools, origin: string): Promise<string | undefined> {
  const { headers } = await askServed(tools, 'api', healthOf(tools.settings, 'api'), {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  })
  return headers['access-control-allow-origin']
}
