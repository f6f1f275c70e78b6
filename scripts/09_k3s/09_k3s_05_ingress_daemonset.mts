#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { step } from '../../lib/cli/step.mts'
import { everyNodeServes } from './ingress/daemonset-ready.mts'
import { everyIngress, ingress } from './ingress/manifests.mts'
import { k3s } from './module.mts'

export default step(import.meta, k3s, 'Install the ingress', async ({ settings, images, kube, until }) => {
  const objects = ingress(settings, images)
  if (objects.length === 0) return
  await kube.apply(objects)
  await until(everyNodeServes(kube, everyIngress))
})
