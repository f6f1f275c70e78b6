import type { Sensitive } from '../../lib/base/sensitive.mts'
import { caPath } from '../../lib/kube/manifests/backend-trust.mts'
import { deliveryEnv, deliveryOf, type Delivery } from '../../lib/kube/manifests/delivery.mts'
import { env } from '../../lib/kube/manifests/pods.mts'
import type { EnvVar } from '../../lib/kube/types.mts'
import { sslModeOf, tlsOf } from '../../lib/settings/backend-tls.mts'
import { configurationFolder } from './configuration.mts'
import { identity, names } from './names.mts'
import type { SupersetSettings } from './settings.mts'

// The environment variables of Superset's processes: plain values, and those from a Secret, or from files of Vault.

/** The name of the Secret that every process reads. */
export const secretName = 'superset'

/** The port of gunicorn. */
export const port = 8088

/** The folder that Superset and its libraries write into. */
export const home = '/app/superset_home'

/** How pods get secret values: from the Secret, or from Vault as files. */
export const deliveryTo = (settings: SupersetSettings): Delivery =>
  deliveryOf(settings, names.namespace(settings.ENV), identity.slug)

/** What the Secret has, or Vault in its place, by the settings' keys. */
export const secrets = (settings: SupersetSettings): Record<string, Sensitive | undefined> => ({
  ...runningSecrets(settings),
  SUPERSET_ADMIN_PASSWORD: settings.SUPERSET_ADMIN_PASSWORD,
})

/** The part of it that web, worker and beat read at their start: a change must restart them. */
export const runningSecrets = (settings: SupersetSettings): Record<string, Sensitive | undefined> => ({
  REDIS_PASSWORD: settings.REDIS_PASSWORD,
  SMTP_PASSWORD: settings.SMTP_PASSWORD,
  SUPERSET_ASYNC_TOKEN_SECRET: settings.SUPERSET_ASYNC_TOKEN_SECRET,
  SUPERSET_GUEST_TOKEN_SECRET: settings.SUPERSET_GUEST_TOKEN_SECRET,
  SUPERSET_POSTGRES_PASSWORD: settings.SUPERSET_POSTGRES_PASSWORD,
  SUPERSET_SECRET_KEY: settings.SUPERSET_SECRET_KEY,
})

/** The variables that superset_config.py needs to load. The migration gets no others: it depends on no others. */
export function coreEnv(settings: SupersetSettings): EnvVar[] {
  const database = names.database(settings.ENV)
  return [
    ...env({
      // The rate limiter is on only with exactly this word.
      SUPERSET_ENV: 'production',
      SUPERSET_HOME: home,
      HOME: home,
      PYTHONPATH: configurationFolder,
      PYTHONUNBUFFERED: 1,
      SCARF_ANALYTICS: false,

      POSTGRES_HOST: settings.POSTGRES_HOST,
      POSTGRES_PORT: settings.POSTGRES_PORT,
      POSTGRES_DATABASE: database,
      POSTGRES_USER: database,
      // For the URL. libpq's own variables would apply to every database that Superset connects to.
      POSTGRES_SSLMODE: sslModeOf(settings),
      POSTGRES_SSLROOTCERT: caPath(settings, 'POSTGRES'),
      REDIS_HOST: settings.REDIS_HOST,
      REDIS_PORT: settings.REDIS_PORT,
      REDIS_DB: settings.SUPERSET_REDIS_DB,
      ...redisTls(settings),
    }),
    ...deliveryEnv(deliveryTo(settings), secretName, {
      POSTGRES_PASSWORD: 'SUPERSET_POSTGRES_PASSWORD',
      REDIS_PASSWORD: 'REDIS_PASSWORD',
      SUPERSET_SECRET_KEY: 'SUPERSET_SECRET_KEY',
      GUEST_TOKEN_JWT_SECRET: 'SUPERSET_GUEST_TOKEN_SECRET',
      GLOBAL_ASYNC_QUERIES_JWT_SECRET: 'SUPERSET_ASYNC_TOKEN_SECRET',
    }),
  ]
}

/** The environment of web, worker and beat. */
export const commonEnv = (settings: SupersetSettings): EnvVar[] => [
  ...coreEnv(settings),
  ...env({
    TZ: settings.TIMEZONE,
    PUBLIC_URL: `https://${settings.SUPERSET_HOST}/`,
    PROXY_HOPS: settings.PROXY_HOPS,
    QUERY_SECONDS_MAX: settings.SUPERSET_QUERY_SECONDS_MAX,
    REPORTS: settings.SUPERSET_REPORTS,
    SMTP_HOST: settings.SMTP_HOST,
    SMTP_PORT: settings.SMTP_PORT,
    SMTP_USER: settings.SMTP_USER,
    SMTP_FROM: settings.SMTP_FROM,
  }),
  ...(settings.SMTP_PASSWORD === undefined
    ? []
    : deliveryEnv(deliveryTo(settings), secretName, { SMTP_PASSWORD: 'SMTP_PASSWORD' })),
]

const redisTls = (settings: SupersetSettings) =>
  tlsOf(settings, 'REDIS').mode === 'off'
    ? {}
    : {
        REDIS_SSL_CERT_REQS: tlsOf(settings, 'REDIS').mode === 'verify' ? 'required' : 'none',
        REDIS_SSL_CA_CERTS: caPath(settings, 'REDIS'),
      }
