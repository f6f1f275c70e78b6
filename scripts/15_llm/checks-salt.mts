import { pollUntil, type Polling } from '../../lib/base/poll.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed, warning, type Answer } from '../../lib/checks/checks.mts'
import { databaseOf } from './backends.mts'
import { proxyPort } from './names.mts'
import {
  addressOf,
  askInside,
  dataOf,
  proxies,
  type Inside,
  type LlmCheck,
  type Reply,
  type Tools,
} from './session.mts'

// Whether LiteLLM reads what is stored in its database: with another LITELLM_SALT_KEY it goes on as before, and uses what
// it cannot decrypt as if it were the value.

/** The credential of the kit's own: the first check stores it, and it stays. Every dump of the database has it. */
export const saltCredential = 'keybuzz-salt'

/**
 * Its value, which LiteLLM encrypts as every other one. It need not be secret: a value decrypts with the key it was
 * encrypted with, and with no other. LiteLLM shows it whole, as its key has no word of keys, tokens or passwords.
 */
const values = { mark: 'encrypted with the salt key of this database' }

/** The request that shows a stored credential. @param base URL of LiteLLM, or of one of its pods */
export const shownAt = (base: string, name: string): Inside => ({
  url: `${base}/credentials/by_name/${name}`,
  as: 'master',
})

/** For how long a pod may not show a stored credential: LiteLLM reads them twice a minute. */
export const loading = { milliseconds: 75_000, every: 3000 }

const noAnswer: Reply = { status: 0, text: 'no answer' }

interface Shown {
  readonly credential_values?: Readonly<Record<string, unknown>>
}

/**
 * A value of a stored credential, as LiteLLM shows it: without its middle, when its key says that it is secret.
 * @returns undefined when the pod does not show the credential, or shows nothing for that key
 * @throws KitError exit 10 for an answer that is not JSON
 */
export function shownValue(reply: Reply, key: string): string | undefined {
  if (reply.status !== 200) return undefined
  const { credential_values: shown = {} } = dataOf<Shown>(reply, 'show a stored credential')
  const value = shown[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The check of the salt key. @param patience for how long a pod may not show the kit's credential */
export const createSalt = (patience: Pick<Polling<unknown>, 'milliseconds' | 'every'>): LlmCheck => ({
  id: 'litellm.decrypts',
  title: 'LITELLM_SALT_KEY is the one this database was written with',
  fix: 'put the LITELLM_SALT_KEY of this database back: README of module 15, "Another salt key"; kubectl -n NAMESPACE logs POD names what it cannot decrypt',
  async ask(tools) {
    const { isStored, others } = await findStored(tools)
    if (!isStored) return store(tools, others)
    const pods = await proxies(tools)
    if (pods.length === 0) return failed('there is no pod of LiteLLM')
    const requests = pods.map((pod) => shownAt(addressOf(pod), saltCredential))
    const replies = await pollUntil(() => askInside(tools, requests), {
      until: (all) => all.every(({ status }) => status !== 404),
      ...patience,
    })
    const problems = pods.flatMap(({ metadata: { name } }, at) => {
      const problem = problemOf(replies[at] ?? noAnswer)
      return problem === undefined ? [] : [{ name, problem }]
    })
    const [first] = problems
    return first === undefined
      ? passed(`${pods.length} pods decrypt ${saltCredential}`)
      : failed(problems.map(({ name, problem }) => `${name} ${problem}`).join('; '), { POD: first.name })
  },
})

export const salt = createSalt(loading)

/** What is wrong with what a pod shows of the kit's credential, after the pod's name; undefined when it is right. */
function problemOf(reply: Reply): string | undefined {
  if (shownValue(reply, 'mark') === values.mark) return undefined
  return reply.status === 200
    ? `cannot decrypt ${saltCredential}: LITELLM_SALT_KEY is not the one it was stored with`
    : `does not show ${saltCredential}, which is in the database: ${reply.status} ${shortened(reply.text, 80)}`
}

/** Whether the kit's credential is in the database, and how many other rows there are encrypted values in. */
async function findStored({ postgres, settings }: Tools): Promise<{ isStored: boolean; others: number }> {
  const text = await postgres.findText(
    databaseOf(settings),
    `select count(*) filter (where credential_name = '${saltCredential}') || ' '
         || count(*) filter (where credential_name not like 'keybuzz-%') + (select count(*) from "LiteLLM_ProxyModelTable")
       from "LiteLLM_CredentialsTable"`,
  )
  const [own = 0, others = 0] = (text ?? '').split(' ').map(Number)
  return { isStored: own > 0, others }
}

/** Stores the kit's credential. Of rows that were there before nothing tells which key they were written with. */
async function store(tools: Tools, others: number): Promise<Answer> {
  const json = {
    credential_name: saltCredential,
    credential_values: values,
    credential_info: { description: 'of the installer: shows whether LITELLM_SALT_KEY is still the same' },
  }
  const request: Inside = {
    url: `http://litellm:${proxyPort}/credentials`,
    method: 'POST',
    json,
    as: 'master',
  }
  const [reply = noAnswer] = await askInside(tools, [request])
  // 409: another run stored it meanwhile.
  if (reply.status !== 409) dataOf(reply, `store ${saltCredential}`)
  if (others === 0) return passed(`${saltCredential} is stored now: later checks read it`)
  return {
    ...warning(
      `${saltCredential} is stored now; ${others} models and credentials are older: were they written with this key?`,
    ),
    fix: 'send a request to one of the stored models; when its provider refuses the key, the credential was stored with the wrong one too: README of module 15, "Another salt key", tells how to delete it before the right key is put back',
  }
}
