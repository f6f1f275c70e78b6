import { sensitive, shortened } from '../../lib/base/sensitive.mts'
import { randomUUID } from 'node:crypto'
import { failed, passed } from '../../lib/checks/checks.mts'
import { askPublic, checkPrefix, dataOf, signIn, type N8nCheck, type Owner } from './session.mts'

export const apiKey: N8nCheck = {
  id: 'n8n.api',
  title: 'The public API works with a key of its own',
  fix: 'N8N_PUBLIC_API_DISABLED must not be true; the ingress must pass /api/',
  async ask(tools) {
    const owner = await signIn(tools)
    await removeOldKeys(owner)
    const json = {
      label: `${checkPrefix}${randomUUID()}`,
      scopes: ['workflow:list'],
      expiresAt: Math.floor(Date.now() / 1000) + 600,
    }
    const made = dataOf<{ id: string; rawApiKey: string }>(
      await owner.ask('/rest/api-keys', { method: 'POST', json }),
      'make a key',
    )
    const key = sensitive(made.rawApiKey, 16)
    try {
      const { status, text } = await askPublic(tools, '/api/v1/workflows?limit=1', {
        headers: { 'x-n8n-api-key': key.reveal() },
      })
      return status === 200 && text.includes('"data"')
        ? passed('/api/v1/workflows 200')
        : failed(`${status} ${shortened(text, 80)}`)
    } finally {
      await owner.ask(`/rest/api-keys/${made.id}`, { method: 'DELETE' })
    }
  },
}

interface Key {
  readonly id: string
  readonly label: string
}

/** Deletes the API keys that killed runs left. They expire by themselves: a list that is refused is no failure. */
async function removeOldKeys(owner: Owner): Promise<void> {
  const answer = await owner.ask(`/rest/api-keys?label=${checkPrefix}`)
  if (answer.status !== 200) return
  const found = dataOf<Key[] | { items: Key[] }>(answer, 'list API keys')
  const keys = Array.isArray(found) ? found : found.items
  for (const { id, label } of keys) {
    if (label.startsWith(checkPrefix)) await owner.ask(`/rest/api-keys/${id}`, { method: 'DELETE' })
  }
}
