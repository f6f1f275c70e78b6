import { job } from '../../lib/kube/manifests/jobs.mts'
import type { EnvVar, Job } from '../../lib/kube/types.mts'
import { env, envFromSecret, resources } from '../../lib/kube/manifests/pods.mts'
import { brandingOf } from './branding.mts'
import { secretName, secrets } from './environment.mts'
import { names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'
import { diskLimit, podOf, type Images } from './pods.mts'
import { makeSuperAdmin, writeBranding } from './ruby.mts'

/** Everything done once before the pods, in this order. */
export const jobs = (settings: ChatwootSettings, images: Images): Job[] => [
  // On an empty or older database the pods would crash until it is moved.
  prepareJob(settings, images),
  // Before anybody can reach the pods: who first comes to an open set-up page becomes super admin.
  superAdminJob(settings, images),
  brandingJob(settings, images),
]

/** Loads the schema into an empty database, else migrates it. */
export const prepareJob = (settings: ChatwootSettings, images: Images): Job =>
  chatwootJob(settings, images, 'prepare', {
    args: ['bundle', 'exec', 'rails', 'db:chatwoot_prepare'],
    // Chatwoot's own limit for a statement, 14 s, is meant for requests.
    more: env({ POSTGRES_STATEMENT_TIMEOUT: '600s' }),
    deadlineSeconds: 3600,
  })

/** The first super admin, made while nobody can reach the pods. */
export const superAdminJob = (settings: ChatwootSettings, images: Images): Job =>
  chatwootJob(settings, images, 'super-admin', {
    args: ['bundle', 'exec', 'rails', 'runner', makeSuperAdmin],
    more: [
      ...env({
        ACCOUNT_NAME: settings.DOMAIN,
        CHATWOOT_ADMIN_NAME: literal(settings.CHATWOOT_ADMIN_NAME),
        CHATWOOT_ADMIN_EMAIL: settings.CHATWOOT_ADMIN_EMAIL,
      }),
      ...envFromSecret(secretName, { CHATWOOT_ADMIN_PASSWORD: 'CHATWOOT_ADMIN_PASSWORD' }),
    ],
    deadlineSeconds: 900,
  })

/** Names, addresses, logos and colour. */
export const brandingJob = (settings: ChatwootSettings, images: Images): Job =>
  chatwootJob(settings, images, 'branding', {
    args: ['bundle', 'exec', 'rails', 'runner', writeBranding],
    more: env({ BRANDING: literal(JSON.stringify(brandingOf(settings))) }),
    deadlineSeconds: 900,
  })

/** Kubernetes reads `$(NAME)` in a value as another variable, unless the dollar stands twice. */
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
  return job({
    namespace: names.namespace(settings.ENV),
    application: 'chatwoot',
    name,
    pod: podOf(settings, images, {}, { name, args, more, rest: { resources: sizes } }),
    inputs: [secrets(settings).CHATWOOT_SECRET_KEY_BASE?.reveal()],
    deadlineSeconds,
  })
}
