#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { prerequisites, workload } from './manifests.mts'
import { n8n } from './module.mts'
import { names } from './names.mts'

export default step(
  import.meta,
  n8n,
  'Deploy n8n',
  async ({ settings, images, pulls, backends, secrets, kube }) => {
    const namespace = names.namespace(settings.ENV)
    // All three can fail: they run before anything is written to the cluster.
    await pulls.require()
    await backends.require()
    await secrets.require()
    // main migrates the database, so it starts alone: the others would wait for the migration without a limit.
    await kube.apply([...prerequisites(settings), ...workload(settings, images, 'main')])
    await kube.waitForRollout(namespace, 'n8n')
    await kube.apply(workload(settings, images, 'workers'))
    await kube.waitForRollout(namespace, 'n8n-webhook', 'n8n-mcp', 'n8n-worker')
  },
)
