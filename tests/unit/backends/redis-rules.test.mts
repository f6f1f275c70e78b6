import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { requireAlone, requireSilence } from '../../../lib/backends/redis-rules.mts'
import { ownerIn, type Client } from '../../../lib/backends/redis-login.mts'

const claim = { database: 2, owner: 'staging/11_chatwoot', channels: 'chatwoot_production_action_cable*' }
const owned = (owner: string) => JSON.stringify({ cluster: 'c', owner })

/** A Redis whose databases hold these claims, and on which somebody listens to these channels. */
function server(claims: Record<number, string>, channels: readonly string[] = []) {
  const state = { selected: claim.database }
  const redis = {
    info: () =>
      Promise.resolve(
        Object.keys(claims)
          .map((one) => `db${one}:keys=1`)
          .join('\r\n'),
      ),
    select: (database: number) => Promise.resolve(void (state.selected = database)),
    get: () => Promise.resolve(claims[state.selected] ?? null),
    pubSubChannels: () => Promise.resolve(channels),
  } as unknown as Client
  return { redis, state }
}
const ask = (redis: Client) => requireAlone(redis, 'Redis', claim, ownerIn, 'keybuzz:owner')
const isRefusal = (words: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof KitError)
  assert.equal(thrown.exitCode, exitCodes.conflict)
  assert.match(thrown.details.join(' '), words)
  return true
}

test('another one of the same application in another database of the server: exit 5', async () => {
  const { redis, state } = server({ 2: owned(claim.owner), 6: owned('dev/11_chatwoot') })
  await assert.rejects(ask(redis), isRefusal(/database 6 is claimed by dev\/11_chatwoot/))
  assert.equal(state.selected, 2)
})

test('other applications, keys of nobody and its own claim are no matter', async () => {
  const { redis, state } = server({ 1: owned('staging/12_n8n'), 2: owned(claim.owner), 5: 'theirs' })
  await ask(redis)
  assert.equal(state.selected, 2)
})

test('before the first claim, somebody who listens already: exit 5', async () => {
  await requireSilence(server({}).redis, 'Redis', claim)
  const { redis } = server({}, ['chatwoot_production_action_cable:all'])
  await assert.rejects(requireSilence(redis, 'Redis', claim), isRefusal(/another client is subscribed/))
})
