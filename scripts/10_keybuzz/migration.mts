import { delivered } from '../../lib/kube/manifests/delivery.mts'
import { job } from '../../lib/kube/manifests/jobs.mts'
import type { Job } from '../../lib/kube/types.mts'
import { deliveryTo } from './in-vault.mts'
import { type Images, names } from './names.mts'
import type { KeybuzzSettings } from './settings.mts'
import { migrator, podOf } from './pods.mts'

/** Maximum seconds of a migration: an index on a large table takes minutes. */
const deadlineSeconds = 3600

/** The Job that migrates the API's database, once for each image and command; none without API_MIGRATE. */
export function migrations(settings: KeybuzzSettings, images: Images): Job[] {
  const { ENV, API_MIGRATE: command } = settings
  if (command === undefined) return []
  const labels = { 'app.kubernetes.io/name': 'keybuzz' }
  const one = job({
    namespace: names.namespace(ENV),
    application: 'keybuzz',
    name: 'migrate',
    pod: podOf(settings, 'api', labels, migrator(settings, images, command)),
    inputs: [names.database(ENV)],
    deadlineSeconds,
  })
  return [delivered(deliveryTo(settings), one)]
}
