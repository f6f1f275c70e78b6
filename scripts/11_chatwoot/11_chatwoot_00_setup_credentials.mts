#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { bucketOf, chatwoot, databaseOf, redisOf } from './module.mts'

export default step(import.meta, chatwoot, 'Complete the settings of Chatwoot', async ({ credentials }) => {
  await credentials.ensure(async (settings, { postgres, redis, s3 }) => {
    const bucket = bucketOf(settings)
    await postgres.tryOut(databaseOf(settings))
    await redis.tryOut(redisOf(settings))
    if (bucket !== undefined) await s3.tryOut(bucket)
  })
})
