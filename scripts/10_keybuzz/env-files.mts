import { problemOfEnvFile } from '../../lib/settings/env-values.mts'
import type { SettingsView, Setting } from '../../lib/settings/settings.mts'

// Environment variables that the operator gives the API and the front in two files, beside those that the kit sets.

/** Variables that the kit sets itself: with two values for one name, only their order would decide. */
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
  // Keys of the kit's own settings: a lost settings file is restored from Secrets by these names.
  'API_POSTGRES_PASSWORD',
  'API_ENV',
  'FRONT_ENV',
  ...['API', 'FRONT'].flatMap((part) => [`${part}_TLS_CRT`, `${part}_TLS_KEY`]),
  'POSTGRES_PASSWORD',
  'POSTGRES_CA',
  'REGISTRY_PASSWORD',
])

/** Variables that the kit sets only for a backend with TLS. */
const oursWithTls: Readonly<Record<string, readonly string[]>> = {
  POSTGRES: ['PGSSLMODE', 'PGSSLROOTCERT'],
  REDIS: ['REDIS_TLS', 'REDIS_CA'],
  RABBITMQ: ['RABBITMQ_TLS', 'RABBITMQ_CA'],
}

/**
 * The validation rule of one of these files.
 * @param name of the file, for messages
 * @returns a rule that returns the first problem of a file's text, or undefined
 */
export const problemsOfFile = (name: string) => (text: string, view?: SettingsView) => {
  const encrypted = Object.entries(oursWithTls).flatMap(([backend, names]) =>
    (view?.text(`${backend}_TLS`) ?? 'off') === 'off' ? [] : names,
  )
  return problemOfEnvFile(name, text, (key) => ours.has(key) || encrypted.includes(key))
}

/** The settings that hold the two files. */
export const fileSettings = [
  {
    key: 'API_ENV',
    title: 'More environment of the API',
    help: "A file of KEY='value' lines, beside this one; becomes a Secret, or values in Vault",
    kind: 'file',
    optional: true,
    validate: problemsOfFile('10_keybuzz.api.env'),
  },
  {
    key: 'FRONT_ENV',
    title: 'More environment of the front',
    help: "A file of KEY='value' lines, beside this one; becomes a Secret, or values in Vault",
    kind: 'file',
    optional: true,
    validate: problemsOfFile('10_keybuzz.front.env'),
  },
] as const satisfies readonly Setting[]
