import { delivered, deliveryEnv } from '../../lib/kube/manifests/delivery.mts'
import { job } from '../../lib/kube/manifests/jobs.mts'
import { env } from '../../lib/kube/manifests/pods.mts'
import type { Container, Job } from '../../lib/kube/types.mts'
import { configurationFile } from './configuration.mts'
import { commonEnv, coreEnv, deliveryTo, secretName } from './environment.mts'
import { names } from './names.mts'
import { configurationOf, podOf, type Images } from './pods.mts'
import { migrate, preflight } from './python.mts'
import type { SupersetSettings } from './settings.mts'

/** Tests whether the image can run Superset as the kit does, with these settings. It opens no connections. */
export const preflightJob = (settings: SupersetSettings, images: Images): Job =>
  supersetJob(settings, images, {
    name: 'preflight',
    inputs: [configurationFile, configurationOf(settings)],
    deadlineSeconds: 600,
    own: { args: ['python', '-c', preflight], env: commonEnv(settings) },
  })

/** Migrates the database to the image's schema. Alembic has no lock: no other process of Superset may migrate. */
export const migrateJob = (settings: SupersetSettings, images: Images): Job =>
  supersetJob(settings, images, {
    name: 'migrate',
    inputs: [names.database(settings.ENV)],
    deadlineSeconds: 1800,
    own: {
      args: ['sh', '-c', migrate],
      env: [
        ...coreEnv(settings),
        ...env({
          FLASK_FAB_CREATE_ADMIN_USERNAME: literal(settings.SUPERSET_ADMIN_USERNAME),
          FLASK_FAB_CREATE_ADMIN_FIRSTNAME: literal(settings.SUPERSET_ADMIN_FIRST_NAME),
          FLASK_FAB_CREATE_ADMIN_LASTNAME: literal(settings.SUPERSET_ADMIN_LAST_NAME),
          FLASK_FAB_CREATE_ADMIN_EMAIL: settings.SUPERSET_ADMIN_EMAIL,
        }),
        ...deliveryEnv(deliveryTo(settings), secretName, {
          FLASK_FAB_CREATE_ADMIN_PASSWORD: 'SUPERSET_ADMIN_PASSWORD',
        }),
      ],
    },
  })

/** The Jobs that run once before the pods start, in this order. */
export const jobs = (settings: SupersetSettings, images: Images): Job[] => [
  preflightJob(settings, images),
  migrateJob(settings, images),
]

/** Escapes a value: Kubernetes replaces `$(NAME)` by that variable, and `$$(NAME)` by the text `$(NAME)`. */
const literal = (text: string): string => text.replaceAll('$(', '$$$$(')

interface Task {
  readonly name: string
  readonly inputs: readonly string[]
  readonly deadlineSeconds: number
  readonly own: Pick<Container, 'args' | 'env'>
}

const supersetJob = (
  settings: SupersetSettings,
  images: Images,
  { name, inputs, deadlineSeconds, own }: Task,
): Job =>
  delivered(
    deliveryTo(settings),
    job({
      namespace: names.namespace(settings.ENV),
      application: 'superset',
      name,
      pod: podOf(settings, images, 'job', {}, { name, ...own }),
      inputs,
      deadlineSeconds,
    }),
  )
