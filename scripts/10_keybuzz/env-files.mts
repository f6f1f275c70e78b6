import { problemOfEnvFile } from '../../lib/settings/env-values.mts'
import type { SettingsView, Setting } from '../../lib/settings/settings.mts'

// What an operator gives the API and the front beyond what the kit knows of them.

/** Names the kit gives by itself: two values for one name would be a matter of luck. */
const ours = new Set([
  'PORT',
  'TZ',
  'API_URL',
  'FRONT_URL',
  'DATABASE_URL',
  'DATABASE_POOL_MAX',
  ...['HOST', 'PORT', 'DATABASE', 'USER', 'PASSWORD'].map((part) => `PG${part}`),
  ...['URL', 'HOST', 'PORT', 'DB', 'PASSWORD'].map((part) => `REDIS_${part}`),
  ...['URL', 'HOST', 'PORT', 'USER', 'PASSWORD', 'VHOST'].map((part) => `RABBITMQ_${part}`),
  // Keys of the kit's own settings: a lost settings file is filled from Secrets by these names.
  'API_POSTGRES_PASSWORD',
  'API_ENV',
  'FRONT_ENV',
  ...['API', 'FRONT'].flatMap((part) => [`${part}_TLS_CRT`, `${part}_TLS_KEY`]),
  'POSTGRES_PASSWORD',
  'POSTGRES_CA',
  'REGISTRY_PASSWORD',
])

/** What it gives for a backend that is encrypted, and only then. */
const oursWithTls: Readonly<Record<string, readonly string[]>> = {
  POSTGRES: ['PGSSLMODE', 'PGSSLROOTCERT'],
  REDIS: ['REDIS_TLS', 'REDIS_CA'],
  RABBITMQ: ['RABBITMQ_TLS', 'RABBITMQ_CA'],
}

/** A rule for such a file: the first line that is invalid. */
export const problemsOfFile = (name: string) => (text: string, view?: SettingsView) => {
  const encrypted = Object.entries(oursWithTls).flatMap(([backend, names]) =>
    (view?.text(`${backend}_TLS`) ?? 'off') === 'off' ? [] : names,
  )
  return problemOfEnvFile(name, text, (key) => ours.has(key) || encrypted.includes(key))
}

/** The two files, as settings. */
export const fileSettings = [
  {
    key: 'API_ENV',
    title: 'More environment of the API',
    help: "A file of KEY='value' lines, beside this one; becomes a Secret",
    kind: 'file',
    optional: true,
    validate: problemsOfFile('10_keybuzz.api.env'),
  },
  {
    key: 'FRONT_ENV',
    title: 'More environment of the front',
    help: "A file of KEY='value' lines, beside this one; becomes a Secret",
    kind: 'file',
    optional: true,
    validate: problemsOfFile('10_keybuzz.front.env'),
  },
] as const satisfies readonly Setting[]
