import { randomUUID } from 'node:crypto'
import { failed, passed, warning, type Check } from '../../lib/checks.mts'
import { password } from '../../lib/generate.mts'
import type { LiveObject } from '../../lib/k8s.mts'
import type { ChecksOf } from '../../lib/module.mts'
import { namespaceOf, type n8n, type N8nSettings } from './module.mts'
import { askPublic, dataOf, signIn, type Tools } from './session.mts'
import { runWebhook } from './webhook.mts'

type N8nCheck = Check<N8nSettings>

const port = 5678

interface PublicSettings {
  userManagement?: { showSetupOnFirstLoad?: boolean }
}

interface PodStatus {
  containerStatuses?: {
    name: string
    restartCount: number
    lastState?: { terminated?: { reason?: string; finishedAt?: string } }
  }[]
}

/** n8n's pods that are not ending. */
const podsOf = ({ kube, settings, once }: Tools): Promise<LiveObject[]> =>
  once('n8n.pods', async () => {
    const pods = await kube.list('pods', {
      namespace: namespaceOf(settings.ENV),
      labels: { 'app.kubernetes.io/name': 'n8n' },
    })
    return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  })

const componentOf = ({ metadata }: LiveObject): string =>
  metadata.labels?.['app.kubernetes.io/component'] ?? ''

const ready: N8nCheck = {
  id: 'n8n.ready',
  title: 'Every process says it is ready',
  fix: 'kubectl -n NAMESPACE logs POD: readiness fails while PostgreSQL, for a worker also Redis, is away',
  async ask(tools) {
    const pods = await podsOf(tools)
    const absent = ['main', 'webhook', 'worker'].filter(
      (part) => !pods.some((pod) => componentOf(pod) === part),
    )
    if (absent.length > 0) return failed(`no pod of ${absent.join(', ')}`)
    const down: string[] = []
    for (const { metadata } of pods) {
      const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:${port}/proxy/healthz/readiness`
      const answer = await tools.kube.raw(path).catch(() => '')
      if (!answer.includes('"ok"')) down.push(metadata.name)
    }
    return down.length === 0 ? passed(`${pods.length} pods`) : failed(`not ready: ${down.join(', ')}`)
  },
}

const publicHealth: N8nCheck = {
  id: 'n8n.public',
  title: 'The public name leads to n8n',
  fix: 'kubectl -n NAMESPACE describe ingress n8n; then the load balancer’s targets and the DNS record',
  async ask(tools) {
    const { status, text } = await askPublic(tools, '/healthz/readiness')
    return status === 200 && text.includes('"ok"')
      ? passed('/healthz/readiness 200')
      : failed(`${status} ${text.slice(0, 80)}`)
  },
}

const owned: N8nCheck = {
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

const setupClosed: N8nCheck = {
  id: 'n8n.setup-closed',
  title: 'Nobody else can make themselves owner',
  fix: 'take the Ingress away at once, then find out why main runs without its owner variables',
  async ask(tools) {
    // An instance that says it is open is not asked: the check would make itself its owner.
    const { userManagement } = dataOf<PublicSettings>(
      await askPublic(tools, '/rest/settings'),
      'read the settings',
    )
    if (userManagement?.showSetupOnFirstLoad !== false) return failed('the set-up page is open')
    const json = { email: 'nobody@example.com', firstName: 'No', lastName: 'Body', password: password(20) }
    const { status, text } = await askPublic(tools, '/rest/owner/setup', { method: 'POST', json })
    return status === 400 && /already/i.test(text)
      ? passed('400, already set up')
      : failed(`${status} ${text.slice(0, 80)}`)
  },
}

const login: N8nCheck = {
  id: 'n8n.login',
  title: 'The owner signs in, with a cookie only HTTPS carries',
  fix: 'N8N_OWNER_PASSWORD is set again at each start of main: restart it; a cookie that is not Secure means N8N_SECURE_COOKIE was changed',
  async ask(tools) {
    const { attributes } = await signIn(tools)
    const absent = ['httponly', 'secure'].filter((one) => !attributes.includes(one))
    return absent.length === 0
      ? passed('n8n-auth, HttpOnly, Secure')
      : failed(`the cookie is not ${absent.join(', ')}`)
  },
}

const urls: N8nCheck = {
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

const webhook: N8nCheck = {
  id: 'n8n.webhook',
  title: 'A webhook with a Code node runs on a worker and its task runner',
  fix: 'it hangs: no worker takes jobs (Redis database and prefix); 500 after 60 s: the runner beside the worker is not connected',
  ask: runWebhook,
}

const push: N8nCheck = {
  id: 'n8n.push',
  title: 'The editor’s live connection works, from its own address only',
  fix: 'the ingress must pass WebSocket upgrades, Host and X-Forwarded-Proto; timeouts above 60 s',
  async ask(tools) {
    const { cookie } = await signIn(tools)
    const host = tools.settings.N8N_HOST
    const path = `/rest/push?pushRef=${randomUUID()}`
    const own = await tools.http.upgrade(host, path, { cookie, origin: `https://${host}` })
    if (own.status !== 101 || !own.kept)
      return failed(`handshake ${own.status}, ${own.kept ? 'kept' : 'closed at once'}`)
    const foreign = await tools.http.upgrade(host, path, { cookie, origin: 'https://elsewhere.example.com' })
    return foreign.kept
      ? failed('a foreign page is let in')
      : passed('101 and kept; a foreign Origin is refused')
  },
}

const apiKey: N8nCheck = {
  id: 'n8n.api',
  title: 'The public API works with a key of its own',
  fix: 'N8N_PUBLIC_API_DISABLED must not be true; the ingress must pass /api/',
  async ask(tools) {
    const owner = await signIn(tools)
    const json = {
      label: `keybuzz-check-${randomUUID()}`,
      scopes: ['workflow:list'],
      expiresAt: Math.floor(Date.now() / 1000) + 600,
    }
    const made = dataOf<{ id: string; rawApiKey: string }>(
      await owner.ask('/rest/api-keys', { method: 'POST', json }),
      'make a key',
    )
    try {
      const { status, text } = await askPublic(tools, '/api/v1/workflows?limit=1', {
        headers: { 'x-n8n-api-key': made.rawApiKey },
      })
      return status === 200 && text.includes('"data"')
        ? passed('/api/v1/workflows 200')
        : failed(`${status} ${text.slice(0, 80)}`)
    } finally {
      await owner.ask(`/rest/api-keys/${made.id}`, { method: 'DELETE' })
    }
  },
}

const metricsHidden: N8nCheck = {
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

const spread: N8nCheck = {
  id: 'n8n.spread',
  title: 'Webhook processes and workers stand on two nodes',
  fix: 'one node is full or away: kubectl -n NAMESPACE get pods -o wide, then delete one of the two pods',
  async ask(tools) {
    const pods = await podsOf(tools)
    const nodesOf = (part: string) =>
      new Set(
        pods
          .filter((pod) => componentOf(pod) === part)
          .map(({ spec }) => (spec as { nodeName?: string }).nodeName),
      )
    const counts = ['webhook', 'worker'].map((part) => `${part} on ${nodesOf(part).size}`)
    const single = ['webhook', 'worker'].some((part) => nodesOf(part).size < 2)
    return single ? warning(counts.join(', ')) : passed(counts.join(', '))
  },
}

const restarts: N8nCheck = {
  id: 'n8n.restarts',
  title: 'No process crashed in the last ten minutes',
  fix: 'kubectl -n NAMESPACE logs POD --previous shows its last lines',
  async ask(tools) {
    const since = Date.now() - 10 * 60 * 1000
    const crashed = (await podsOf(tools)).flatMap(({ metadata, status }) =>
      ((status as PodStatus).containerStatuses ?? []).flatMap(({ name, lastState }) => {
        const { finishedAt, reason } = lastState?.terminated ?? {}
        return finishedAt !== undefined && Date.parse(finishedAt) > since
          ? [`${metadata.name}/${name} ${reason}`]
          : []
      }),
    )
    return crashed.length === 0 ? passed('none') : failed(crashed.join(', '))
  },
}

const eviction: N8nCheck = {
  id: 'n8n.eviction',
  title: 'Redis keeps queued jobs',
  fix: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
  async ask({ redis }) {
    const policy = await redis.evictionPolicy()
    if (policy === undefined) return warning('the server does not tell its maxmemory-policy')
    return policy === 'noeviction' ? passed(policy) : warning(policy)
  },
}

const database: N8nCheck = {
  id: 'n8n.postgres',
  title: 'n8n supports this PostgreSQL',
  fix: 'plan the move to PostgreSQL 16 or newer; n8n warns at each start until then',
  async ask({ postgres }) {
    const version = await postgres.majorVersion()
    return version >= 16 ? passed(`version ${version}`) : warning(`version ${version}`)
  },
}

export const checks: ChecksOf<typeof n8n> = [
  ready,
  publicHealth,
  owned,
  setupClosed,
  login,
  urls,
  webhook,
  push,
  apiKey,
  metricsHidden,
  spread,
  restarts,
  eviction,
  database,
]
