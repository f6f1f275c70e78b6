import { parseEnvFile } from '../../lib/settings/env-file.mts'
import { messageOf } from '../../lib/base/errors.mts'
import { saysSecret, sensitive, shortestSensitive, type Sensitive } from '../../lib/base/sensitive.mts'
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

/**
 * Shorter values stand in ordinary words too often to be cut out of a log: true, info. One whose name says that it is
 * secret is cut out from four characters on, as every setting that is declared secret.
 */
const shortestHidden = (name: string): number => (saysSecret(name) ? shortestSensitive : 8)

/** A rule for such a file: the first line that is invalid. */
export const problemsOfFile = (name: string) => (text: string, view?: SettingsView) => {
  const encrypted = Object.entries(oursWithTls).flatMap(([backend, names]) =>
    (view?.text(`${backend}_TLS`) ?? 'off') === 'off' ? [] : names,
  )
  try {
    const taken = Object.keys(parseEnvFile(name, text)).find(
      (key) => ours.has(key) || encrypted.includes(key),
    )
    return taken === undefined
      ? undefined
      : `line ${lineOf(text, taken)}: ${taken} is given by the kit itself`
  } catch (thrown) {
    return messageOf(thrown)
  }
}

const lineOf = (text: string, key: string): number =>
  text.split('\n').findIndex((line) => line.startsWith(`${key}=`)) + 1

/** The values of such a file, by name; none without one. */
export const valuesIn = (file: Sensitive | undefined): Record<string, Sensitive> =>
  Object.fromEntries(
    Object.entries(file === undefined ? {} : parseEnvFile('', file.reveal())).map(([key, value]) => [
      key,
      sensitive(value, shortestHidden(key)),
    ]),
  )

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
