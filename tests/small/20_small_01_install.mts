#!/usr/bin/env -S bash -c 'exec "$(dirname "$(readlink -f "$0")")/../../bin/ts" "$0" "$@"'
import { fromRoot } from '../../lib/base/home.mts'
import { step } from '../../lib/cli/step.mts'
import { definitionsIn } from '../../lib/kube/apply/definitions.mts'
import { findHelm } from '../../lib/kube/helm.mts'
import { beside, names, small } from './module.mts'

export default step(import.meta, small, 'Install the small chart', async ({ settings, images, kube }) => {
  const namespace = names.namespace(settings.ENV)
  const chart = { file: fromRoot('chart'), release: 'small', namespace, kubernetes: 'v1.36.0' }
  const helm = await findHelm()
  const definitions = definitionsIn(await helm.definitions(chart))
  const { SMALL_ROLE: role, SMALL_DRAWN: drawn, SMALL_GRACE: grace } = settings
  const rendered = await helm.render(chart, { image: images.small, role, drawn, grace, hook: true })
  const isKnown = await kube.ensureDefinitions(definitions)
  await kube.apply([...beside(settings), ...rendered.filter(({ kind }) => isKnown || kind !== 'Shelf')])
  await kube.waitForRollout(namespace, 'statefulset/small')
})
