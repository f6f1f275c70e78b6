#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { awaitCertificates } from '../../lib/kube/rollout/certificates.mts'
import { step } from '../../lib/cli/step.mts'
import { ingress } from './manifests.mts'
import { llm } from './module.mts'

export default step(import.meta, llm, 'Publish LiteLLM', async ({ settings, kube, until }) => {
  const objects = ingress(settings)
  await kube.apply(objects)
  await awaitCertificates(objects, { kube, until })
})
