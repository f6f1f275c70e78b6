import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { waitWatching } from '../../../../lib/kube/rollout/wait.mts'

test('a change that comes while something is asked ends the wait at once', async () => {
  const started = performance.now()
  let isDone = false
  await waitWatching((onChange) => ({
    watched: [],
    isDone: () => isDone,
    async failIfHopeless() {
      isDone = true
      onChange()
      await pause(1)
    },
    line: () => 'deployment/n8n 0/1 ready',
    failIfLate: () => {},
  }))
  assert.ok(performance.now() - started < 1000, 'not at the next look, two seconds later')
})
