#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { brandingJob, prepareJob, superAdminJob } from './jobs.mts'
import { prerequisites, workload } from './manifests.mts'
import { bucketOf, chatwoot, databaseOf, namespaceOf, redisOf } from './module.mts'

export default step(
  import.meta,
  chatwoot,
  'Deploy Chatwoot',
  async ({ settings, images, pulls, postgres, redis, s3, kube }) => {
    const bucket = bucketOf(settings)
    // Each of these may refuse, and none has written yet.
    await pulls.require(Object.values(images))
    if (bucket !== undefined) await s3.require(bucket)
    await Promise.all([postgres.tryOut(databaseOf(settings)), redis.tryOut(redisOf(settings))])
    await redis.require(redisOf(settings))
    await postgres.ensureDatabase(databaseOf(settings))
    await kube.apply(prerequisites(settings))
    // On an empty or older database the pods would crash until it is moved.
    await kube.ensureJob(prepareJob(settings, images))
    // Before anybody can reach the pods: who first comes to an open set-up page becomes super admin.
    await kube.ensureJob(superAdminJob(settings, images))
    await kube.ensureJob(brandingJob(settings, images))
    await kube.apply(workload(settings, images))
    await kube.waitForRollout(namespaceOf(settings.ENV), 'chatwoot-web', 'chatwoot-worker')
  },
)
