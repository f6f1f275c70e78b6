import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodes, KitError } from '../../../lib/base/errors.mts'
import { createRetry } from '../../../lib/kube/retry.mts'

const away = new KitError('away', { exitCode: exitCodes.unreachable })

/** A Retry that has had an answer; from then on the servers of these contexts are away. */
async function begun({ chosen, gone }: { chosen: string; gone: readonly string[] }) {
  const asked: string[] = []
  let choices = 0
  const another = () => {
    choices += 1
    return Promise.resolve(chosen)
  }
  const retry = createRetry({ context: 'one', another })
  await retry.attempt(() => Promise.resolve(), 'repeat')
  const act = (context: string) => {
    asked.push(context)
    return gone.includes(context) ? Promise.reject(away) : Promise.resolve(context)
  }
  return { retry, act, asked, choices: () => choices }
}

test('while another server answers, it is asked at once; what fails at one moment chooses it once', async () => {
  const { retry, act, asked, choices } = await begun({ chosen: 'other', gone: ['one'] })
  const started = performance.now()
  const both = await Promise.all([retry.attempt(act, 'repeat'), retry.attempt(act, 'repeat')])
  assert.ok(performance.now() - started < 1000, 'without the pause for a server that is away alone')
  assert.deepEqual(both, ['other', 'other'])
  assert.deepEqual(asked, ['one', 'one', 'other', 'other'])
  assert.equal(choices(), 1)
})

test('a request that failed where all others have left already goes on there, and chooses nothing', async () => {
  const { retry, act, choices } = await begun({ chosen: 'other', gone: ['one'] })
  let lose = () => {}
  const slow = retry.attempt(
    (context) =>
      context === 'one'
        ? new Promise<string>((_resolve, reject) => (lose = () => reject(away)))
        : Promise.resolve(context),
    'repeat',
  )
  await retry.attempt(act, 'repeat')
  lose()
  assert.equal(await slow, 'other')
  assert.equal(choices(), 1)
})

test('without another server the same one is asked again after a pause', async () => {
  const gone = ['one']
  const { retry, act, asked } = await begun({ chosen: 'one', gone })
  const started = performance.now()
  setTimeout(() => gone.pop(), 500)
  assert.equal(await retry.attempt(act, 'repeat'), 'one')
  assert.ok(performance.now() - started > 1400)
  assert.deepEqual(asked, ['one', 'one'])
})

test('what is asked once is not repeated, and chooses no server', async () => {
  const { retry, act, choices } = await begun({ chosen: 'other', gone: ['one'] })
  await assert.rejects(retry.attempt(act, 'once'), away)
  assert.deepEqual([retry.context, choices()], ['one', 0])
})

test('what its caller repeats moves to another server that answers, and does not wait for one', async () => {
  const { retry, act } = await begun({ chosen: 'other', gone: ['one'] })
  assert.equal(await retry.attempt(act, 'move'), 'other')
  const alone = await begun({ chosen: 'one', gone: ['one'] })
  await assert.rejects(alone.retry.attempt(alone.act, 'move'), away)
  assert.deepEqual(alone.asked, ['one'])
})

test('a server that has never answered is not asked again', async () => {
  const retry = createRetry({ context: 'one', another: () => Promise.reject(new Error('nothing is chosen')) })
  await assert.rejects(
    retry.attempt(() => Promise.reject(away), 'repeat'),
    away,
  )
})
