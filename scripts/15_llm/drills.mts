import { randomBytes } from 'node:crypto'
import { pollUntil } from '../../lib/base/poll.mts'
import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import type { Drill } from '../../lib/checks/drills.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import {
  newCollection,
  removeCollection,
  removeOldCollections,
  searchPoint,
  writePoint,
} from './checks-qdrant.mts'
import { loading, shownAt, shownValue } from './checks-salt.mts'
import { hasQdrant } from './manifests-services.mts'
import type { llm } from './module.mts'
import { names, proxyPort } from './names.mts'
import { askInside, checkPrefix, dataOf, type Inside, type Reply, type Tools } from './session.mts'
import type { LlmSettings } from './settings.mts'

type LlmDrill = Drill<LlmSettings>

const service = `http://litellm:${proxyPort}`
const removal = (name: string): Inside => ({
  url: `${service}/credentials/${name}`,
  method: 'DELETE',
  as: 'master',
})

const ask = async (tools: Tools, request: Inside): Promise<Reply> =>
  (await askInside(tools, [request]))[0] ?? { status: 0, text: 'no answer' }

// Of older rows the check litellm.decrypts tells.
const salt: LlmDrill = {
  id: 'litellm.salt',
  title: 'A stored credential still decrypts after every pod was lost',
  fix: 'the pods began with another LITELLM_SALT_KEY than those before them: put the one they had back, from your backup',
  async run(tools) {
    await removeOldCredentials(tools)
    const name = checkPrefix + randomBytes(6).toString('hex')
    // The stored value is random and no key of any service.
    const json = {
      credential_name: name,
      credential_values: { api_key: randomBytes(18).toString('hex') },
      credential_info: { description: 'made by a drill, which deletes it' },
    }
    dataOf(
      await ask(tools, { url: `${service}/credentials`, method: 'POST', json, as: 'master' }),
      '/credentials',
    )
    try {
      const before = await awaitShown(tools, name)
      if (before === undefined) return failed('it could not be read before the pods were lost')
      await tools.breaking.losePods(names.namespace(tools.settings.ENV), ['litellm'])
      const after = await awaitShown(tools, name)
      return after === before
        ? passed('the same before and after')
        : failed(
            `after the pods were lost LiteLLM shows ${after === undefined ? 'nothing' : 'another value'}: the new pods have another LITELLM_SALT_KEY than the old ones`,
          )
    } finally {
      await ask(tools, removal(name))
    }
  },
}

/** What the pods show of a stored credential, once one of them has read it; undefined if none has in time. */
const awaitShown = (tools: Tools, name: string): Promise<string | undefined> =>
  pollUntil(async () => shownValue(await ask(tools, shownAt(service, name)), 'api_key'), {
    until: (shown) => shown !== undefined,
    ...loading,
  })

interface Credentials {
  readonly credentials?: readonly { readonly credential_name?: string }[]
}

/** Deletes the credentials that killed runs left. */
async function removeOldCredentials(tools: Tools): Promise<void> {
  const reply = await ask(tools, { url: `${service}/credentials`, as: 'master' })
  const { credentials = [] } = dataOf<Credentials>(reply, 'list credentials')
  for (const { credential_name: name = '' } of credentials)
    if (name.startsWith(checkPrefix)) await ask(tools, removal(name))
}

const vectors: LlmDrill = {
  id: 'qdrant.restart',
  title: 'A stored point is found after the pod of Qdrant was lost',
  fix: 'kubectl -n NAMESPACE describe persistentvolumeclaim qdrant-storage: the volume must be block storage, and the same for the new pod',
  async run(tools) {
    if (!hasQdrant(tools.settings)) return passed('an external vector store is set: nothing is lost')
    await removeOldCollections(tools)
    const name = newCollection()
    try {
      await writePoint(tools, name)
      await tools.breaking.losePods(names.namespace(tools.settings.ENV), ['statefulset/qdrant'])
      const problem = await searchPoint(tools, name)
      return problem === undefined
        ? passed('found by the new pod')
        : failed(`after the pod was lost ${shortened(problem, 120)}`)
    } finally {
      await removeCollection(tools, name)
    }
  },
}

export const drills: DrillsOf<typeof llm> = [salt, vectors]
