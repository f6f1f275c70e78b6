#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { prerequisites, workload } from './manifests.mts'
import { n8n } from './module.mts'
import { names } from './names.mts'

export default step(import.meta, n8n, 'Deploy n8n', async ({ settings, images, pulls, backends, kube }) => {
  const namespace = names.namespace(settings.ENV)
  // Each of these may refuse, and none has written yet.
  await pulls.require()
  await backends.require()
  // main migrates the database: alone first. The others wait for it without limit otherwise.
  await kube.apply([...prerequisites(settings), ...workload(settings, images, 'main')])
  await kube.waitForRollout(namespace, 'n8n')
  await kube.apply(workload(settings, images, 'workers'))
  await kube.waitForRollout(namespace, 'n8n-webhook', 'n8n-mcp', 'n8n-worker')
})
