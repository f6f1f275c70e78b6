#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { configuration, prerequisites, workload } from './manifests.mts'
import { nameOf } from './names.mts'
import { migrations } from './migration.mts'
import { databaseOf, keybuzz, namespaceOf, redisOf } from './module.mts'

export default step(
  import.meta,
  keybuzz,
  'Deploy the API',
  async ({ settings, images, pulls, postgres, redis, rabbitmq, kube }) => {
    // Both images before the first write: an API without its front is half an installation.
    await pulls.require(Object.values(images))
    // Every backend is asked before one of them is written to.
    await Promise.all([
      postgres.tryOut(databaseOf(settings)),
      redis.tryOut(redisOf(settings)),
      rabbitmq.require(),
    ])
    await redis.require(redisOf(settings))
    await postgres.ensureDatabase(databaseOf(settings))
    await kube.apply([...prerequisites(settings), ...configuration(settings, 'api')])
    for (const one of migrations(settings, images)) await kube.ensureJob(one)
    await kube.apply(workload(settings, images, 'api'))
    await kube.waitForRollout(namespaceOf(settings.ENV), nameOf('api'))
  },
)
