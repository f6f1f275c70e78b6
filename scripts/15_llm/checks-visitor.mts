import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed, passedOver } from '../../lib/checks/checks.mts'
import { askByName } from '../../lib/checks/http.mts'
import { databaseOf } from './backends.mts'
import { modelsOf } from './config.mts'
import { checkModels, proxyPort } from './names.mts'
import { askInside, dataOf, runChecks, type LlmCheck, type Tools } from './session.mts'

// Checks of the responses by the public name, without and with a key; of the list of models; of the migrations.

const wrongKey = { headers: { authorization: 'Bearer sk-keybuzz-check-wrong' } }

export const refusals: LlmCheck = {
  id: 'litellm.refusals',
  title: 'The public name leads to LiteLLM, which refuses no key and a wrong key',
  fix: 'kubectl -n NAMESPACE describe ingress litellm; then the load balancer’s targets and the DNS record; 400 for a wrong key: LiteLLM has no database',
  async ask({ http, settings }) {
    const ask = (request = {}) => askByName(http, settings.LITELLM_HOST, '/v1/models', request)
    const none = await ask()
    if (none.status !== 401) return failed(`without a key ${none.status} ${shortened(none.text, 80)}`)
    const wrong = await ask(wrongKey)
    if (wrong.status === 400) return failed('a wrong key is answered 400: LiteLLM runs without its database')
    return wrong.status === 401
      ? passedOver('no key 401, wrong key 401', none)
      : failed(`a wrong key is answered ${wrong.status} ${shortened(wrong.text, 80)}`)
  },
}

interface Models {
  readonly data: readonly { readonly id: string }[]
}

export const models: LlmCheck = {
  id: 'litellm.models',
  title: 'The models are exactly those of the file, and those stored in LiteLLM',
  fix: 'run 15_llm_01_deploy_litellm: the pods read the file at their start',
  async ask(tools) {
    const [answer] = await askInside(tools, [{ url: `http://litellm:${proxyPort}/v1/models`, as: 'master' }])
    const { data } = dataOf<Models>(answer ?? { status: 0, text: 'no answer' }, '/v1/models')
    const found = new Set(data.map(({ id }) => id).filter((id) => !id.startsWith(checkModels.plain)))
    const wanted = new Set(modelsOf(tools.settings).map(({ alias }) => alias))
    const stored = new Set(await storedModels(tools))
    const absent = [...wanted].filter((alias) => !found.has(alias))
    const others = [...found].filter((id) => !wanted.has(id) && !stored.has(id))
    if (absent.length > 0) return failed(`missing: ${shortened(absent.join(', '), 160)}`)
    if (others.length > 0) return failed(`in no file: ${shortened(others.join(', '), 160)}`)
    return passed(`${wanted.size} of the file${stored.size === 0 ? '' : `, ${stored.size} stored`}`)
  },
}

/** Names of the models that administrators stored in LiteLLM. */
async function storedModels({ postgres, settings }: Tools): Promise<string[]> {
  const found = await postgres.findText(
    databaseOf(settings),
    `select string_agg(model_name, e'\\n') from "LiteLLM_ProxyModelTable"`,
  )
  return found === undefined || found === '' ? [] : found.split('\n')
}

/** Minimum milliseconds from first to last piece: the checks' provider takes 1.75 s, and a buffered stream near 0. */
const leastSpread = 700
/**
 * Maximum number of streams: for its first one a pod loads code, and words that arrive meanwhile are sent at once; and
 * after a rollout it may still have a connection to the checks' provider of before.
 */
const streams = 4

export const stream: LlmCheck = {
  id: 'litellm.stream',
  title: 'A stream reaches the caller piece by piece',
  fix: 'a proxy on the way collects answers: buffering off at the load balancer and the ingress; kubectl -n NAMESPACE describe ingress litellm',
  async ask(tools) {
    let longest = 0
    let broken: string | undefined
    for (let left = streams; left > 0; left -= 1) {
      const { spread = 0, problem, status } = await askStream(tools)
      if (problem !== undefined && status < 500) return failed(problem)
      broken = problem
      longest = Math.max(longest, spread)
      if (spread >= leastSpread) return passed(`first piece ${spread} ms before the last`)
    }
    return failed(
      broken ??
        `first piece ${longest} ms before the last, at most, of ${streams} streams: something on the way collects them`,
    )
  },
}

/** One stream: the milliseconds between its first piece and its last, or what is wrong with it. */
interface Stream {
  readonly status: number
  readonly spread?: number
  readonly problem?: string
}

async function askStream({ http, settings }: Tools): Promise<Stream> {
  const { status, headers, text, spreadMilliseconds } = await askByName(
    http,
    settings.LITELLM_HOST,
    '/v1/chat/completions',
    {
      method: 'POST',
      headers: { authorization: `Bearer ${settings.LITELLM_MASTER_KEY.reveal()}` },
      json: { model: checkModels.plain, stream: true, messages: [{ role: 'user', content: 'count' }] },
      timeoutSeconds: 30,
    },
  )
  if (status !== 200) return { status, problem: `${status} ${shortened(text, 120)}` }
  const type = String(headers['content-type'] ?? 'no type')
  if (!type.startsWith('text/event-stream'))
    return { status, problem: `it is ${shortened(type, 60)}, not text/event-stream` }
  if (!text.includes('[DONE]'))
    return { status, problem: `it ended early: ${shortened(text.slice(-80), 80)}` }
  return { status, spread: spreadMilliseconds ?? 0 }
}

export const hidden: LlmCheck = {
  id: 'litellm.hidden',
  title: 'Health, metrics and the admin interface are not public unless asked for',
  fix: 'run 15_llm_03_configure_ingress; another Ingress for this name publishes more',
  async ask({ http, settings }) {
    const paths = settings.LITELLM_ADMIN_UI
      ? ['/metrics']
      : ['/health', '/health/readiness', '/metrics', '/ui/']
    const shown: string[] = []
    for (const path of paths) {
      const { status, text } = await http.ask(settings.LITELLM_HOST, path)
      // 401 is LiteLLM's own response: the request has reached it.
      const isOpen = settings.LITELLM_ADMIN_UI
        ? text.includes('# HELP')
        : status !== 404 || text.startsWith('{')
      if (isOpen) shown.push(`${path} ${status}`)
    }
    return shown.length === 0
      ? passed(`${paths.join(', ')} are not served`)
      : failed(`served: ${shown.join(', ')}`)
  },
}

export const migrated: LlmCheck = {
  id: 'litellm.migrated',
  title: 'The database has every migration of this version, none of them half done',
  fix: 'run 15_llm_01_deploy_litellm: its Job migrates; its log names one that failed',
  async ask(tools) {
    const text = await tools.postgres.findText(
      databaseOf(tools.settings),
      `select count(*) filter (where finished_at is null and rolled_back_at is null) || ' '
           || count(distinct migration_name) filter (where finished_at is not null) from _prisma_migrations`,
    )
    const [half = 0, done = 0] = (text ?? '').split(' ').map(Number)
    const shipped = Number((await runChecks(tools, ['migrations'])).trim())
    if (half > 0) return failed(`${half} migrations are half done`)
    if (!(shipped > 0)) return failed('the image ships no migration')
    return done >= shipped
      ? passed(`${done} done, the image ships ${shipped}`)
      : failed(`${done} done, the image ships ${shipped}`)
  },
}
