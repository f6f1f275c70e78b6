import { shortened } from '../../lib/base/sensitive.mts'
import { randomBytes } from 'node:crypto'
import { failed, passed } from '../../lib/checks/checks.mts'
import type { Drill } from '../../lib/checks/drills.mts'
import { exitCodes, KitError } from '../../lib/base/errors.mts'
import type { HttpAnswer } from '../../lib/checks/http-exchange.mts'
import type { HttpRequest } from '../../lib/checks/http.mts'
import type { DrillsOf } from '../../lib/run/module.mts'
import { names } from './names.mts'
import type { chatwoot } from './module.mts'
import type { ChatwootSettings } from './settings.mts'
import { askServed, checkPrefix, signIn, type Session, type Tools } from './session.mts'

type ChatwootDrill = Drill<ChatwootSettings>

const sessions: ChatwootDrill = {
  id: 'chatwoot.sessions',
  title: 'Who is signed in stays so after every web pod was lost',
  fix: 'the keys of the Secret chatwoot are not those the session was made with: put the originals back, from your backup',
  async run(tools) {
    const { headers } = await signIn(tools)
    const validate = () => askServed(tools, '/auth/validate_token', { headers })
    const before = await validate()
    if (before.status !== 200) return failed(`before the pods were lost: ${before.status}`)
    await tools.breaking.losePods(names.namespace(tools.settings.ENV), ['chatwoot-web'])
    const after = await validate()
    return after.status === 200
      ? passed('/auth/validate_token 200 before and after')
      : failed(`after the pods were lost: ${after.status}`)
  },
}

interface Inbox {
  readonly id: number
  readonly name: string
  readonly website_token?: string
}

const widget: ChatwootDrill = {
  id: 'chatwoot.widget',
  title: 'A new web site gets its chat window',
  fix: 'the log of the web pod says what the API refused; /widget must not be kept out of the Ingress',
  async run(tools) {
    const session = await signIn(tools)
    await removeLeftovers(tools, session)
    const name = checkPrefix + randomBytes(6).toString('hex')
    const channel = { type: 'web_widget', website_url: `https://${tools.settings.CHATWOOT_HOST}` }
    const inbox = jsonOf<Inbox>(
      await askAccount(tools, session, '/inboxes', { method: 'POST', json: { name, channel } }),
    )
    try {
      const { status } = await askServed(tools, `/widget?website_token=${inbox.website_token}`)
      return status === 200 ? passed('/widget 200') : failed(`/widget ${status}`)
    } finally {
      await askAccount(tools, session, `/inboxes/${inbox.id}`, { method: 'DELETE' })
    }
  },
}

/** Deletes the inboxes that killed runs left. */
async function removeLeftovers(tools: Tools, session: Session): Promise<void> {
  const { payload } = jsonOf<{ payload: Inbox[] }>(await askAccount(tools, session, '/inboxes'))
  for (const { id, name } of payload)
    if (name.startsWith(checkPrefix)) await askAccount(tools, session, `/inboxes/${id}`, { method: 'DELETE' })
}

const askAccount = (
  tools: Tools,
  { headers, accountId }: Session,
  path: string,
  request: HttpRequest = {},
): Promise<HttpAnswer> => askServed(tools, `/api/v1/accounts/${accountId}${path}`, { ...request, headers })

function jsonOf<T>(answer: HttpAnswer): T {
  if (answer.status === 200) return answer.json() as T
  throw new KitError(`Chatwoot answered ${answer.status} ${shortened(answer.text, 160)}`, {
    exitCode: exitCodes.validationFailed,
  })
}

export const drills: DrillsOf<typeof chatwoot> = [sessions, widget]
