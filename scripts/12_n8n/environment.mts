import type { EnvVar } from '../../lib/kube/types.mts'
import { env } from '../../lib/kube/manifests/pods.mts'
import { tlsOf } from '../../lib/settings/backend-tls.mts'
import { deliveryEnv, deliveryOf, type Delivery } from '../../lib/kube/manifests/delivery.mts'
import { caPath } from '../../lib/kube/manifests/backend-trust.mts'
import { identity, names } from './names.mts'
import { ownerPasswordHash } from './owner.mts'
import type { N8nSettings } from './settings.mts'

// The environment variables of n8n's processes: plain values, and those from a Secret, or from files: of each variable
// n8n reads a file, when it is named by the variable with _FILE.

/** The name of the Secret that every process reads. */
export const secretName = 'n8n'

/** The port of every process of n8n. */
export const port = 5678

/** Finished jobs that are kept in Redis, 1.6 kB each. */
const keptJobs = 1000

/** How its pods get these values: from the Secret, or from Vault as files. */
export const deliveryTo = (settings: N8nSettings): Delivery =>
  deliveryOf(settings, names.namespace(settings.ENV), identity.slug)

/** What the Secret has, or Vault in its place. */
export const kept = (settings: N8nSettings) => ({
  ...secrets(settings),
  OWNER_PASSWORD_HASH: ownerPasswordHash(settings),
})

/** The values that every process depends on, by the settings' keys. */
export const secrets = (settings: N8nSettings) => ({
  N8N_ENCRYPTION_KEY: settings.N8N_ENCRYPTION_KEY,
  N8N_OWNER_PASSWORD: settings.N8N_OWNER_PASSWORD,
  N8N_POSTGRES_PASSWORD: settings.N8N_POSTGRES_PASSWORD,
  N8N_RUNNERS_AUTH_TOKEN: settings.N8N_RUNNERS_AUTH_TOKEN,
  REDIS_PASSWORD: settings.REDIS_PASSWORD,
  SMTP_PASSWORD: settings.SMTP_PASSWORD,
})

/** The environment of every process. Queue, database and key must be the same for all, or jobs stay queued. */
export function commonEnv(settings: N8nSettings): EnvVar[] {
  const url = `https://${settings.N8N_HOST}/`
  const database = names.database(settings.ENV)
  const prefix = `n8n-${settings.ENV}`
  return [
    ...env({
      N8N_HOST: settings.N8N_HOST,
      N8N_PORT: port,
      N8N_PROTOCOL: 'http',
      N8N_EDITOR_BASE_URL: url,
      N8N_WEBHOOK_URL: url,
      N8N_PROXY_HOPS: settings.PROXY_HOPS,
      GENERIC_TIMEZONE: settings.TIMEZONE,
      TZ: settings.TIMEZONE,

      DB_TYPE: 'postgresdb',
      DB_POSTGRESDB_HOST: settings.POSTGRES_HOST,
      DB_POSTGRESDB_PORT: settings.POSTGRES_PORT,
      DB_POSTGRESDB_DATABASE: database,
      DB_POSTGRESDB_USER: database,
      ...databaseTls(settings),
      // HAProxy closes a connection that is idle for 30 s.
      DB_POSTGRESDB_IDLE_CONNECTION_TIMEOUT: 20_000,

      EXECUTIONS_MODE: 'queue',
      OFFLOAD_MANUAL_EXECUTIONS_TO_WORKERS: true,
      N8N_DISABLE_PRODUCTION_MAIN_PROCESS: true,
      QUEUE_BULL_REDIS_HOST: settings.REDIS_HOST,
      QUEUE_BULL_REDIS_PORT: settings.REDIS_PORT,
      QUEUE_BULL_REDIS_DB: settings.N8N_REDIS_DB,
      QUEUE_BULL_REDIS_KEEP_ALIVE: true,
      ...redisTls(settings),
      // n8n exits when Redis cannot be reached for longer: a failover takes up to 30 s.
      QUEUE_BULL_REDIS_TIMEOUT_THRESHOLD: 60_000,
      // Without kept jobs a webhook waits for ever if its job finishes just before it subscribes: it polls Redis every
      // 5 s and finds only kept jobs. Seen on a busy machine: about one call in 500, none in 1,400 with this setting.
      N8N_EXECUTIONS_QUEUE_KEEP_LAST_COMPLETED: keptJobs,
      N8N_EXECUTIONS_QUEUE_KEEP_LAST_FAILED: keptJobs,
      QUEUE_BULL_PREFIX: prefix,
      N8N_REDIS_KEY_PREFIX: prefix,

      N8N_RUNNERS_MODE: 'external',
      N8N_DEFAULT_BINARY_DATA_MODE: 'database',
      EXECUTIONS_DATA_PRUNE: true,
      EXECUTIONS_DATA_MAX_AGE: 336,

      N8N_EMAIL_MODE: settings.SMTP_HOST === undefined ? undefined : 'smtp',
      N8N_SMTP_HOST: settings.SMTP_HOST,
      N8N_SMTP_PORT: settings.SMTP_PORT,
      N8N_SMTP_SENDER: settings.SMTP_FROM,
      N8N_SMTP_USER: settings.SMTP_USER,
      N8N_SMTP_SSL: settings.SMTP_HOST === undefined ? undefined : settings.SMTP_PORT === 465,

      N8N_DIAGNOSTICS_ENABLED: false,
      N8N_VERSION_NOTIFICATIONS_ENABLED: false,
      N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED: false,
      N8N_DYNAMIC_BANNERS_ENABLED: false,
      N8N_TEMPLATES_ENABLED: false,
      N8N_PERSONALIZATION_ENABLED: false,
      N8N_HIRING_BANNER_ENABLED: false,
    }),
    ...deliveryEnv(deliveryTo(settings), secretName, {
      N8N_ENCRYPTION_KEY: 'N8N_ENCRYPTION_KEY',
      N8N_RUNNERS_AUTH_TOKEN: 'N8N_RUNNERS_AUTH_TOKEN',
      DB_POSTGRESDB_PASSWORD: 'N8N_POSTGRES_PASSWORD',
      QUEUE_BULL_REDIS_PASSWORD: 'REDIS_PASSWORD',
      ...(settings.SMTP_PASSWORD === undefined ? {} : { N8N_SMTP_PASS: 'SMTP_PASSWORD' }),
    }),
  ]
}

/** TLS to PostgreSQL. n8n's defaults: no encryption; with encryption, the certificate is verified. */
const databaseTls = (settings: N8nSettings) =>
  tlsOf(settings, 'POSTGRES').mode === 'off'
    ? {}
    : {
        DB_POSTGRESDB_SSL_ENABLED: true,
        DB_POSTGRESDB_SSL_REJECT_UNAUTHORIZED: tlsOf(settings, 'POSTGRES').mode === 'verify',
        DB_POSTGRESDB_SSL_CA_FILE: caPath(settings, 'POSTGRES'),
      }

/** TLS to Redis. n8n's client has no setting for a CA: Node reads it (NODE_EXTRA_CA_CERTS). */
const redisTls = (settings: N8nSettings) =>
  tlsOf(settings, 'REDIS').mode === 'off'
    ? {}
    : {
        QUEUE_BULL_REDIS_TLS: true,
        QUEUE_BULL_REDIS_TLS_VALIDATE_CERTIFICATE: tlsOf(settings, 'REDIS').mode === 'verify',
        NODE_EXTRA_CA_CERTS: caPath(settings, 'REDIS'),
      }
