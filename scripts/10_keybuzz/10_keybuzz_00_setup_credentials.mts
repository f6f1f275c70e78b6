#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { databaseOf, keybuzz, redisOf } from './module.mts'

export default step(import.meta, keybuzz, 'Complete the settings of KeyBuzz', async ({ credentials }) => {
  await credentials.ensure(async (settings, { postgres, redis, rabbitmq }) => {
    await postgres.tryOut(databaseOf(settings))
    await redis.tryOut(redisOf(settings))
    await rabbitmq.tryOut()
  })
})
