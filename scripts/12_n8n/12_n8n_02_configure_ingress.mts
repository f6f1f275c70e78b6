#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { awaitCertificates } from '../../lib/kube/rollout/certificates.mts'
import { step } from '../../lib/cli/step.mts'
import { ingress } from './manifests.mts'
import { n8n } from './module.mts'

export default step(import.meta, n8n, 'Publish n8n', async ({ settings, kube, until }) => {
  const objects = ingress(settings)
  await kube.apply(objects)
  await awaitCertificates(objects, { kube, until })
})
