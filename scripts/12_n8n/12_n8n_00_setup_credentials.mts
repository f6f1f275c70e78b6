#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { databaseOf, n8n, redisOf } from './module.mts'

export default step(import.meta, n8n, 'Complete the settings of n8n', async ({ credentials }) => {
  await credentials.ensure(async (settings, { postgres, redis }) => {
    await postgres.tryOut(databaseOf(settings))
    await redis.tryOut(redisOf(settings))
  })
})
