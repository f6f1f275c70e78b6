import { namesOf } from '../../lib/base/names.mts'
import { applicationNamespace } from '../../lib/kube/manifests/pull-secret.mts'
import type { Manifest } from '../../lib/kube/types.mts'
import { defineModule } from '../../lib/run/module.mts'
import { own, shared, type SmallSettings } from './settings.mts'

// A module for the tests of charts, where the real chart is not at hand: what it applies is rendered by helm from
// tests/fixtures/chart, as step 07 of module 9 does with its own. Tests lay it into a copy of the kit as scripts/20_small.

const identity = { number: 20, slug: 'small' } as const

export const names = namesOf(identity)

/** What the chart does not make. Its pods want no rights. */
export const beside = (settings: SmallSettings): Manifest[] =>
  applicationNamespace(names.namespace(settings.ENV), settings, 'privileged')

export const small = defineModule({
  ...identity,
  title: 'Small chart',
  scope: 'environment',
  shared,
  settings: own,
  images: ['small'],
  moreKinds: ['clusterroles.rbac.authorization.k8s.io', 'shelves.small.example.com'],
  objects: (settings: SmallSettings) => ({ '01_install': beside(settings) }),
})
