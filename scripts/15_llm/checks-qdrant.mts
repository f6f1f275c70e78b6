import { randomBytes } from 'node:crypto'
import { shortened } from '../../lib/base/sensitive.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import { hasQdrant } from './manifests-services.mts'
import { qdrantPorts } from './names.mts'
import {
  askInside,
  checkPrefix,
  dataOf,
  statusesOf,
  type Inside,
  type LlmCheck,
  type Tools,
} from './session.mts'

const base = `http://qdrant:${qdrantPorts.http}`

/** The URL of a collection. */
const collection = (name: string): string => `${base}/collections/${name}`

/** A new name for a collection of the checks. */
export const newCollection = (): string => checkPrefix + randomBytes(6).toString('hex')

const put = (url: string, json: unknown): Inside => ({ url, method: 'PUT', json, as: 'qdrant' })

/** The requests that create a collection and write one point. */
const writes = (name: string): Inside[] => [
  put(collection(name), { vectors: { size: 4, distance: 'Dot' } }),
  put(`${collection(name)}/points?wait=true`, {
    points: [{ id: 1, vector: [0.1, 0.2, 0.3, 0.4], payload: { from: 'keybuzz' } }],
  }),
]

/** By /points/query: 1.19 still answers /points/search and documents it no more, a later version removes it. */
const search = (name: string): Inside => ({
  url: `${collection(name)}/points/query`,
  method: 'POST',
  json: { query: [0.1, 0.2, 0.3, 0.4], limit: 1, with_payload: true },
  as: 'qdrant',
})

interface Found {
  readonly result: {
    readonly points: readonly { readonly id: unknown; readonly payload?: { readonly from?: unknown } }[]
  }
}

/**
 * Creates a collection and writes one point.
 * @throws KitError exit 10 when Qdrant refuses; exit 3 or 5 to 10, see askInside
 */
export async function writePoint(tools: Tools, name: string): Promise<void> {
  for (const reply of await askInside(tools, writes(name))) dataOf(reply, 'write to Qdrant')
}

/**
 * Searches for that point.
 * @returns what is wrong; undefined when it is found
 * @throws KitError exit 10 when Qdrant refuses; exit 3 or 5 to 10, see askInside
 */
export async function searchPoint(tools: Tools, name: string): Promise<string | undefined> {
  const [reply] = await askInside(tools, [search(name)])
  const { result } = dataOf<Found>(reply ?? { status: 0, text: 'no answer' }, 'search in Qdrant')
  const [hit] = result.points
  return hit?.id === 1 && hit.payload?.from === 'keybuzz'
    ? undefined
    : `the search found ${shortened(JSON.stringify(result.points), 80)}`
}

/** Deletes a collection; a refusal by Qdrant is ignored. @throws KitError exit 3 or 5 to 10, see askInside */
export const removeCollection = async (tools: Tools, name: string): Promise<void> =>
  void (await askInside(tools, [{ url: collection(name), method: 'DELETE', as: 'qdrant' }]))

interface Collections {
  readonly result: { readonly collections: readonly { readonly name: string }[] }
}

/**
 * Deletes the collections that killed runs left.
 * @throws KitError exit 10 when Qdrant does not list collections; exit 3 or 5 to 10, see askInside
 */
export async function removeOldCollections(tools: Tools): Promise<void> {
  const [reply] = await askInside(tools, [{ url: `${base}/collections`, as: 'qdrant' }])
  const { result } = dataOf<Collections>(reply ?? { status: 0, text: 'no answer' }, 'list collections')
  for (const { name } of result.collections)
    if (name.startsWith(checkPrefix)) await removeCollection(tools, name)
}

const external = passed('an external vector store is set: it is not asked')

export const qdrantRefusals: LlmCheck = {
  id: 'qdrant.refusals',
  title: 'Qdrant refuses no key and a wrong key',
  fix: 'run 15_llm_02_deploy_services: its key is QDRANT__SERVICE__API_KEY of the Secret qdrant',
  async ask(tools) {
    if (!hasQdrant(tools.settings)) return external
    const url = `${base}/collections`
    const answers = await askInside(tools, [{ url }, { url, as: 'qdrant-wrong' }])
    const isRight = answers.length === 2 && answers.every(({ status }) => status === 401)
    return isRight
      ? passed('no key 401, wrong key 401')
      : failed(`no key and wrong key: ${statusesOf(answers)} ${shortened(answers[0]?.text ?? '', 80)}`)
  },
}

export const qdrantWrites: LlmCheck = {
  id: 'qdrant.search',
  title: 'Qdrant stores a point and finds it',
  fix: 'kubectl -n NAMESPACE logs qdrant-0; a full volume: raise QDRANT_STORAGE',
  async ask(tools) {
    if (!hasQdrant(tools.settings)) return external
    await removeOldCollections(tools)
    const name = newCollection()
    try {
      await writePoint(tools, name)
      const problem = await searchPoint(tools, name)
      return problem === undefined ? passed('one point written and found') : failed(problem)
    } finally {
      await removeCollection(tools, name)
    }
  },
}
