import { delivered, deliveryEnv } from '../../lib/kube/manifests/delivery.mts'
import { job } from '../../lib/kube/manifests/jobs.mts'
import type { EnvVar, Job } from '../../lib/kube/types.mts'
import { env, resources } from '../../lib/kube/manifests/pods.mts'
import { brandingOf } from './branding.mts'
import { deliveryTo, secretName, secrets } from './environment.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'
import { diskLimit, podOf, type Images } from './pods.mts'
import { makeSuperAdmin, writeBranding } from './ruby.mts'

/** The Jobs that run once before the pods start, in this order. */
export const jobs = (settings: ChatwootSettings, images: Images): Job[] => [
  // With an empty database, or one of an older version, the pods would crash.
  prepareJob(settings, images),
  // Before the pods can be reached: the first visitor of an open set-up page becomes super admin.
  superAdminJob(settings, images),
  brandingJob(settings, images),
]

/** Loads the schema into an empty database, else migrates it. */
export const prepareJob = (settings: ChatwootSettings, images: Images): Job =>
  chatwootJob(settings, images, 'prepare', {
    args: ['bundle', 'exec', 'rails', 'db:chatwoot_prepare'],
    // Chatwoot's own limit of 14 s for a statement is meant for requests.
    more: env({ POSTGRES_STATEMENT_TIMEOUT: '600s' }),
    deadlineSeconds: 3600,
  })

/** Creates the first super admin and closes the set-up page. */
export const superAdminJob = (settings: ChatwootSettings, images: Images): Job =>
  chatwootJob(settings, images, 'super-admin', {
    args: ['bundle', 'exec', 'rails', 'runner', makeSuperAdmin],
    more: [
      ...env({
        ACCOUNT_NAME: settings.DOMAIN,
        CHATWOOT_ADMIN_NAME: literal(settings.CHATWOOT_ADMIN_NAME),
        CHATWOOT_ADMIN_EMAIL: settings.CHATWOOT_ADMIN_EMAIL,
      }),
      ...deliveryEnv(deliveryTo(settings), secretName, {
        CHATWOOT_ADMIN_PASSWORD: 'CHATWOOT_ADMIN_PASSWORD',
      }),
    ],
    deadlineSeconds: 900,
  })

/** Writes the names, addresses, logos and colour of brandingOf. */
export const brandingJob = (settings: ChatwootSettings, images: Images): Job =>
  chatwootJob(settings, images, 'branding', {
    args: ['bundle', 'exec', 'rails', 'runner', writeBranding],
    more: env({ BRANDING: literal(JSON.stringify(brandingOf(settings))) }),
    deadlineSeconds: 900,
  })

/** Escapes a value: Kubernetes replaces `$(NAME)` by that variable, and `$$(NAME)` by the text `$(NAME)`. */
const literal = (text: string): string => text.replaceAll('$(', '$$$$(')

interface Task {
  readonly args: readonly string[]
  readonly more: readonly EnvVar[]
  readonly deadlineSeconds: number
}

function chatwootJob(
  settings: ChatwootSettings,
  images: Images,
  name: string,
  { args, more, deadlineSeconds }: Task,
): Job {
  const sizes = resources('250m', '512Mi', '1', '1Gi', diskLimit(settings))
  const one = job({
    namespace: names.namespace(settings.ENV),
    application: 'chatwoot',
    name,
    pod: podOf(settings, images, {}, { name, args, more, rest: { resources: sizes } }),
    inputs: [secrets(settings).CHATWOOT_SECRET_KEY_BASE?.reveal()],
    deadlineSeconds,
  })
  return delivered(deliveryTo(settings), one)
}
