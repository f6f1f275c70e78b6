#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { prerequisites, workload } from './manifests.mts'
import { databaseOf, n8n, namespaceOf, redisOf } from './module.mts'

export default step(import.meta, n8n, 'Deploy n8n', async ({ settings, images, postgres, redis, kube }) => {
  const namespace = namespaceOf(settings.ENV)
  // Both backends are asked before either is written to.
  await Promise.all([postgres.tryOut(databaseOf(settings)), redis.tryOut(redisOf(settings))])
  await redis.require(redisOf(settings))
  await postgres.ensureDatabase(databaseOf(settings))
  // main migrates the database: alone first. The others wait for it without limit otherwise.
  await kube.apply([...prerequisites(settings), ...workload(settings, images, 'main')])
  await kube.waitForRollout(namespace, 'n8n')
  await kube.apply(workload(settings, images, 'workers'))
  await kube.waitForRollout(namespace, 'n8n-webhook', 'n8n-worker')
})
