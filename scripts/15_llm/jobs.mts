import { delivered } from '../../lib/kube/manifests/delivery.mts'
import { job } from '../../lib/kube/manifests/jobs.mts'
import { resources } from '../../lib/kube/manifests/pods.mts'
import type { Job } from '../../lib/kube/types.mts'
import { deliveryTo } from './environment.mts'
import { names, type Images } from './names.mts'
import { podOf, withConfig, type Process } from './pods.mts'
import type { LlmSettings } from './settings.mts'

/** Maximum seconds of a migration: LiteLLM itself waits 600 s for the lock and 600 s for each attempt. */
const deadlineSeconds = 1800

/** The Jobs that run once before the pods start, in this order. @throws KitError exit 2, see modelsOf */
export const jobs = (settings: LlmSettings, images: Images): Job[] => [
  validateJob(settings, images),
  migrateJob(settings, images),
]

/**
 * Validates the configuration with the image that will run: an invalid one fails here, while the old pods serve.
 * @throws KitError exit 2, see modelsOf
 */
export const validateJob = (settings: LlmSettings, images: Images): Job =>
  litellmJob(settings, images, { name: 'validate', args: withConfig('--validate_config') }, 300)

/**
 * Migrates the database, by a direct connection: its locks belong to a session. The Job depends on the version and not
 * on the models: a change of models runs no migration.
 */
export const migrateJob = (settings: LlmSettings, images: Images): Job =>
  litellmJob(
    settings,
    images,
    { name: 'migrate', args: withConfig('--skip_server_startup'), config: migrateConfig },
    deadlineSeconds,
  )

/** The name of the ConfigMap for the migration, whose configuration has no models. */
export const migrateConfig = 'litellm-migrate'

function litellmJob(
  settings: LlmSettings,
  images: Images,
  process: Omit<Process, 'rest'>,
  deadlineSeconds: number,
): Job {
  const rest = { resources: resources('250m', '1Gi', '2', '2Gi', '3Gi') }
  const one = job({
    namespace: names.namespace(settings.ENV),
    application: 'litellm',
    name: process.name,
    pod: podOf(settings, images, {}, { ...process, rest }),
    inputs: [names.database(settings.ENV)],
    deadlineSeconds,
  })
  return delivered(deliveryTo(settings), one)
}
