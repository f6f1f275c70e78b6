import { randomBytes } from 'node:crypto'
import { pauseFor, pollUntil } from '../../lib/base/poll.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import { checkLimit, checkModels } from './names.mts'
import {
  askInside,
  checkPrefix,
  dataOf,
  statusesOf,
  twoProxies,
  type Inside,
  type LlmCheck,
} from './session.mts'

// Checks of keys and limits, by the addresses of two pods: an ingress might send every request to one of them.

/** Requests sent, half of them to each pod: if each pod counted alone, all would be answered. */
const sent = checkLimit * 2

const complete = (pod: string, model: string, as: 'master' | 'temporary'): Inside => ({
  url: `${pod}/v1/chat/completions`,
  method: 'POST',
  json: { model, messages: [{ role: 'user', content: 'count' }] },
  as,
})

/** Requests to the two pods in turn. */
const inTurn = (pods: readonly [string, string], model: string, as: 'master' | 'temporary'): Inside[] =>
  Array.from({ length: sent }, (_, at) => complete(pods[at % 2 === 0 ? 0 : 1], model, as))

/** Seconds of a minute that the requests may begin in: LiteLLM counts a model's requests by the minutes of the clock. */
const latestSecond = 40

/** Waits for a minute of the clock with enough time left. */
async function awaitMinute(): Promise<void> {
  const second = (Date.now() / 1000) % 60
  if (second > latestSecond) await pauseFor((65 - second) * 1000)
}

/**
 * The check of a limit over two pods.
 * @param awaitNext waits for the next minute of the clock, after one in which nothing was answered
 */
export const createLimits = (awaitNext: () => Promise<void>): LlmCheck => ({
  id: 'litellm.limits',
  title: 'A limit is counted over all pods together',
  fix: 'the pods do not reach Redis: REDIS_HOST and REDIS_PORT from the nodes; kubectl -n NAMESPACE logs POD names coordination_redis',
  async ask(tools) {
    const pods = await twoProxies(tools)
    const ask = async () => {
      await awaitMinute()
      return askInside(tools, inTurn(pods, checkModels.limited, 'master'))
    }
    const first = await ask()
    // Where all are refused, another run has used the minute up: nothing is known of who counts.
    const answers = first.every(isRefused) ? await awaitNext().then(ask) : first
    const answered = answers.filter(({ status }) => status === 200).length
    const refused = answers.filter(isRefused).length
    if (answered + refused < sent)
      return failed(`${statusesOf(answers)}: ${shortened(answers.find(isOther)?.text ?? '', 120)}`)
    if (answered === 0) return failed(`none of ${sent} answered in two minutes, so nothing shows who counts`)
    return answered <= checkLimit
      ? passed(`${answered} of ${sent} answered, ${refused} refused, on two pods`)
      : failed(`${answered} of ${sent} answered: limits are counted per pod: Redis is not reached`)
  },
})

export const limits = createLimits(() => pauseFor((61 - ((Date.now() / 1000) % 60)) * 1000))

const isRefused = ({ status }: { status: number }): boolean => status === 429

const isOther = ({ status }: { status: number }): boolean => status !== 200 && status !== 429

/**
 * The check of a virtual key.
 * @param forgotten milliseconds until no pod accepts a deleted key
 */
export const createVirtualKey = (forgotten: number): LlmCheck => ({
  id: 'litellm.key',
  title: 'A virtual key is made, works, is limited over all pods, and ends when it is deleted',
  fix: 'kubectl -n NAMESPACE logs POD; 401 of a new key: the pods do not share one database; more than its limit: Redis is not reached',
  async ask(tools) {
    const pods = await twoProxies(tools)
    const [maker, other] = pods
    const name = randomBytes(9).toString('hex')
    const make: Inside = {
      url: `${maker}/key/generate`,
      method: 'POST',
      as: 'master',
      json: {
        key: '$TEMPORARY',
        key_alias: `${checkPrefix}${name}`,
        models: [checkModels.plain],
        rpm_limit: checkLimit,
        // It expires by itself if this run is killed.
        duration: '10m',
      },
    }
    const remove: Inside = {
      url: `${maker}/key/delete`,
      method: 'POST',
      as: 'master',
      json: { keys: ['$TEMPORARY'] },
    }
    const [made] = await askInside(tools, [make], name)
    dataOf(made ?? { status: 0, text: 'no answer' }, '/key/generate')
    let removed = false
    try {
      const used = await askInside(tools, inTurn(pods, checkModels.plain, 'temporary'), name)
      const answered = used.filter(({ status }) => status === 200).length
      if (used.some(isOther) || answered === 0)
        return failed(`used: ${statusesOf(used)} ${shortened(used.find(isOther)?.text ?? '', 120)}`)
      if (answered > checkLimit) return failed(`${answered} of ${sent} answered, its limit is ${checkLimit}`)
      const [gone, after] = await askInside(
        tools,
        [remove, complete(maker, checkModels.plain, 'temporary')],
        name,
      )
      dataOf(gone ?? { status: 0, text: 'no answer' }, '/key/delete')
      removed = true
      if (after?.status !== 401) return failed(`deleted, and still answered ${after?.status} by the same pod`)
      const last = await pollUntil(
        async () =>
          (await askInside(tools, [complete(other, checkModels.plain, 'temporary')], name))[0]?.status,
        { until: (status) => status === 401, milliseconds: forgotten, every: 2000 },
      )
      return last === 401
        ? passed(`${answered} of ${sent} answered on two pods, then deleted: 401 on both`)
        : failed(`deleted, and after ${forgotten / 1000} s still answered ${last} by the other pod`)
    } finally {
      if (!removed) await askInside(tools, [remove], name)
    }
  },
})

/** More than twice user_api_key_cache_ttl. */
export const virtualKey = createVirtualKey(25_000)
