import { job } from '../../lib/kube/manifests/jobs.mts'
import { resources } from '../../lib/kube/manifests/pods.mts'
import type { Job } from '../../lib/kube/types.mts'
import { names, type Images } from './names.mts'
import { podOf, withConfig, type Process } from './pods.mts'
import type { LlmSettings } from './settings.mts'

/** Seconds a migration may take: LiteLLM itself waits 600 s for the lock and 600 s for each attempt. */
const deadlineSeconds = 1800

/** Everything done once before the pods, in this order. */
export const jobs = (settings: LlmSettings, images: Images): Job[] => [
  validateJob(settings, images),
  migrateJob(settings, images),
]

/** The image that will run reads the configuration: what it refuses stops here, while the old pods serve. */
export const validateJob = (settings: LlmSettings, images: Images): Job =>
  litellmJob(settings, images, { name: 'validate', args: withConfig('--validate_config') }, 300)

/**
 * Migrates the database, by a direct connection: the locks it takes belong to a session. It stands for the version, not
 * for the models: another list of models migrates nothing.
 */
export const migrateJob = (settings: LlmSettings, images: Images): Job =>
  litellmJob(
    settings,
    images,
    { name: 'migrate', args: withConfig('--skip_server_startup'), config: migrateConfig },
    deadlineSeconds,
  )

/** The ConfigMap of the migration: it names no model. */
export const migrateConfig = 'litellm-migrate'

function litellmJob(
  settings: LlmSettings,
  images: Images,
  process: Omit<Process, 'rest'>,
  deadlineSeconds: number,
): Job {
  const rest = { resources: resources('250m', '1Gi', '2', '2Gi', '3Gi') }
  return job({
    namespace: names.namespace(settings.ENV),
    application: 'litellm',
    name: process.name,
    pod: podOf(settings, images, {}, { ...process, rest }),
    inputs: [names.database(settings.ENV)],
    deadlineSeconds,
  })
}
