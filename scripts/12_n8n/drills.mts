import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import { randomBytes, randomInt } from 'node:crypto'
import { awaitedLater } from '../../lib/base/concurrency.mts'
import { messageOf } from '../../lib/base/errors.mts'
import { pauseFor } from '../../lib/base/poll.mts'
import { interruption } from '../../lib/base/signals.mts'
import { failed, passed } from '../../lib/checks/checks.mts'
import type { Drill, DrillTools } from '../../lib/checks/drills.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import { names } from './names.mts'
import type { n8n } from './module.mts'
import type { N8nSettings } from './settings.mts'
import { askPublic, checkPrefix, dataOf, signIn, type Owner } from './session.mts'
import {
  callUntilActive,
  listExecutions,
  openWebhook,
  remove,
  removeLeftovers,
  sumIn,
  type Credential,
  type Workflow,
} from './workflow.mts'

type N8nDrill = Drill<N8nSettings>
type Tools = DrillTools<N8nSettings>

/** Seconds for which a job must stay queued while there is no worker. */
const queued = 8

const credential: N8nDrill = {
  id: 'n8n.credential',
  title: 'A stored credential still decrypts after every pod was lost',
  fix: 'N8N_ENCRYPTION_KEY is not the one the credential was stored with: put the original key back, from your backup',
  async run(tools) {
    const { breaking, settings } = tools
    const owner = await signIn(tools)
    await removeLeftovers(owner)
    await removeOldCredentials(owner)
    const path = checkPrefix + randomBytes(6).toString('hex')
    const header = { 'x-keybuzz-check': sensitive(randomBytes(18).toString('base64url')).reveal() }
    const stored = await store(owner, path, header)
    const workflow = await openWebhook(owner, path, stored)
    try {
      const before = await openWith(tools, path, header)
      if (before !== undefined) return failed(`before the pods were lost: ${before}`)
      await breaking.losePods(names.namespace(settings.ENV), ['n8n', 'n8n-webhook', 'n8n-mcp', 'n8n-worker'])
      await askPublic(tools, '/healthz/readiness')
      const after = await openWith(tools, path, header)
      return after === undefined
        ? passed('the webhook behind it opens for its header, and only for it, before and after')
        : failed(`after the pods were lost: ${after}`)
    } finally {
      await remove(owner, workflow)
      await owner.ask(`/rest/credentials/${stored.id}`, { method: 'DELETE' })
    }
  },
}

/** Stores a header credential, which the webhook process must decrypt for every request. */
async function store(
  owner: Owner,
  name: string,
  header: Readonly<Record<string, string>>,
): Promise<Credential> {
  const [[key, value] = ['', '']] = Object.entries(header)
  const json = { name, type: 'httpHeaderAuth', data: { name: key, value } }
  return dataOf<Credential>(
    await owner.ask('/rest/credentials', { method: 'POST', json }),
    'store a credential',
  )
}

/** Deletes the credentials that killed runs left. */
async function removeOldCredentials(owner: Owner): Promise<void> {
  const found = dataOf<Credential[]>(await owner.ask('/rest/credentials'), 'list credentials')
  for (const { id, name } of found)
    if (name.startsWith(checkPrefix)) await owner.ask(`/rest/credentials/${id}`, { method: 'DELETE' })
}

/** Calls a webhook with its header, then with another one. @returns what is wrong; undefined if only its own works */
async function openWith(
  tools: Tools,
  path: string,
  header: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const [a, b] = [randomInt(1, 1000), randomInt(1, 1000)]
  const opened = await callUntilActive(tools, path, { a, b }, header)
  if (opened.status !== 200 || sumIn(opened) !== a + b)
    return `its header is answered ${opened.status} ${shortened(opened.text, 120)}`
  const wrong = Object.fromEntries(Object.keys(header).map((key) => [key, 'another']))
  const { status } = await callUntilActive(tools, path, { a, b }, wrong)
  return status === 403 ? undefined : `another header is answered ${status}, not 403`
}

const queue: N8nDrill = {
  id: 'n8n.queue',
  title: 'A job waits while there is no worker, and completes when they are back',
  fix: 'the job was lost or taken by another program: check that no other n8n uses this Redis database, and its eviction policy',
  async run(tools) {
    const { breaking, settings } = tools
    const namespace = names.namespace(settings.ENV)
    const owner = await signIn(tools)
    await removeLeftovers(owner)
    const path = checkPrefix + randomBytes(6).toString('hex')
    const workflow = await openWebhook(owner, path)
    const over = new AbortController()
    try {
      // Waits until the webhook is active: a 404 later would not be a lost job.
      await callUntilActive(tools, path, { a: 1, b: 1 })
      await breaking.scaleDown(namespace, 'n8n-worker')
      const [a, b] = [randomInt(1, 1000), randomInt(1, 1000)]
      const call = awaitedLater(
        askPublic(tools, `/webhook/${path}`, {
          method: 'POST',
          json: { a, b },
          timeoutSeconds: 600,
          signal: AbortSignal.any([over.signal, interruption.signal]),
        }),
      )
      const waits = await jobWaits(owner, workflow, endOf(call))
      if (waits !== undefined) return failed(waits)
      await breaking.restore(namespace, 'n8n-worker')
      const answer = await call
      return answer.status === 200 && sumIn(answer) === a + b
        ? passed(`it waited ${queued} s without a worker, then ${a} + ${b} = ${a + b}`)
        : failed(`the waiting call was answered ${answer.status} ${shortened(answer.text, 120)}`)
    } finally {
      over.abort()
      await breaking.restore(namespace, 'n8n-worker')
      await remove(owner, workflow)
    }
  },
}

/** How a call has ended, in words; undefined while it is open. */
function endOf(call: Promise<HttpAnswer>): () => string | undefined {
  let end: string | undefined
  void call.then(
    ({ status, text }) => (end = `it was answered ${status} ${shortened(text, 120)}`.trim()),
    (thrown: unknown) => (end = messageOf(thrown)),
  )
  return () => end
}

/**
 * Watches the newest execution of a workflow.
 * @param ended how its call has ended; undefined while it is open
 * @returns what is wrong; undefined if it stays queued
 */
async function jobWaits(
  owner: Owner,
  { id }: Workflow,
  ended: () => string | undefined,
): Promise<string | undefined> {
  let seen = 0
  for (let second = 0; second < queued * 2 && seen < queued; second += 1) {
    await pauseFor(1000)
    const end = ended()
    if (end !== undefined) return `without a worker the call did not wait: ${end}`
    const job = (await listExecutions(owner)).find(
      ({ workflowId, status }) => workflowId === id && status !== 'success',
    )
    if (job !== undefined && job.status !== 'new')
      return `without a worker the job became ${job.status}: another program takes jobs of this n8n`
    seen = job === undefined ? 0 : seen + 1
  }
  return seen < queued ? 'without a worker no job was seen waiting' : undefined
}

export const drills: DrillsOf<typeof n8n> = [credential, queue]
