import type { EnvVar } from '../../lib/kube/types.mts'
import { deliveryEnv, deliveryOf, type Delivery } from '../../lib/kube/manifests/delivery.mts'
import { env } from '../../lib/kube/manifests/pods.mts'
import type { Sensitive } from '../../lib/base/sensitive.mts'
import { mailbox } from '../../lib/base/mailbox.mts'
import { sslModeOf, tlsOf } from '../../lib/settings/backend-tls.mts'
import { caPath } from '../../lib/kube/manifests/backend-trust.mts'
import { bucketOf, pool } from './backends.mts'
import { identity, names } from './names.mts'
import type { ChatwootSettings } from './settings.mts'

// The environment variables of Chatwoot's processes: plain values, and those from a Secret, or from files of Vault.

/** The name of the Secret that every process reads. */
export const secretName = 'chatwoot'
/** The port of Rails. */
export const port = 3000

/** How pods get secret values: from the Secret, or from Vault as files. */
export const deliveryTo = (settings: ChatwootSettings): Delivery =>
  deliveryOf(settings, names.namespace(settings.ENV), identity.slug)

/** What the Secret has, or Vault in its place, by the settings' keys. */
export const secrets = (settings: ChatwootSettings): Record<string, Sensitive | undefined> => ({
  CHATWOOT_ADMIN_PASSWORD: settings.CHATWOOT_ADMIN_PASSWORD,
  CHATWOOT_ENCRYPTION_DETERMINISTIC_KEY: settings.CHATWOOT_ENCRYPTION_DETERMINISTIC_KEY,
  CHATWOOT_ENCRYPTION_PRIMARY_KEY: settings.CHATWOOT_ENCRYPTION_PRIMARY_KEY,
  CHATWOOT_ENCRYPTION_SALT: settings.CHATWOOT_ENCRYPTION_SALT,
  CHATWOOT_POSTGRES_PASSWORD: settings.CHATWOOT_POSTGRES_PASSWORD,
  CHATWOOT_SECRET_KEY_BASE: settings.CHATWOOT_SECRET_KEY_BASE,
  REDIS_PASSWORD: settings.REDIS_PASSWORD,
  S3_SECRET_KEY: settings.S3_SECRET_KEY,
  SMTP_PASSWORD: settings.SMTP_PASSWORD,
})

/** The environment of every process and Job. Each password is a variable of its own: no URL contains one. */
export function commonEnv(settings: ChatwootSettings): EnvVar[] {
  const database = names.database(settings.ENV)
  return [
    ...env({
      RAILS_ENV: 'production',
      NODE_ENV: 'production',
      INSTALLATION_ENV: 'kubernetes',
      RAILS_LOG_TO_STDOUT: true,
      LOG_LEVEL: 'info',
      TZ: settings.TIMEZONE,
      HOME: '/tmp',
      MALLOC_ARENA_MAX: 2,
      PORT: port,
      FRONTEND_URL: `https://${settings.CHATWOOT_HOST}`,
      FORCE_SSL: true,
      ENABLE_ACCOUNT_SIGNUP: false,
      // Chatwoot takes any text as true.
      DISABLE_TELEMETRY: true,
      ENABLE_PUSH_RELAY_SERVER: false,
      RAILS_MAX_THREADS: pool.web,
      WEB_CONCURRENCY: 0,
      SIDEKIQ_CONCURRENCY: pool.worker,

      POSTGRES_HOST: settings.POSTGRES_HOST,
      POSTGRES_PORT: settings.POSTGRES_PORT,
      POSTGRES_DATABASE: database,
      POSTGRES_USERNAME: database,
      // libpq's own variables.
      PGSSLMODE: sslModeOf(settings),
      PGSSLROOTCERT: caPath(settings, 'POSTGRES'),
      ...redisTls(settings),
      REDIS_URL: `${tlsOf(settings, 'REDIS').mode === 'off' ? 'redis' : 'rediss'}://${settings.REDIS_HOST}:${settings.REDIS_PORT}/${settings.CHATWOOT_REDIS_DB}`,
    }),
    ...deliveryEnv(deliveryTo(settings), secretName, {
      SECRET_KEY_BASE: 'CHATWOOT_SECRET_KEY_BASE',
      ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY: 'CHATWOOT_ENCRYPTION_PRIMARY_KEY',
      ACTIVE_RECORD_ENCRYPTION_DETERMINISTIC_KEY: 'CHATWOOT_ENCRYPTION_DETERMINISTIC_KEY',
      ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT: 'CHATWOOT_ENCRYPTION_SALT',
      POSTGRES_PASSWORD: 'CHATWOOT_POSTGRES_PASSWORD',
      REDIS_PASSWORD: 'REDIS_PASSWORD',
    }),
    ...storageEnv(settings),
    ...mailEnv(settings),
  ]
}

function storageEnv(settings: ChatwootSettings): EnvVar[] {
  const bucket = bucketOf(settings)
  if (bucket === undefined) return env({ ACTIVE_STORAGE_SERVICE: 'local' })
  return [
    ...env({
      ACTIVE_STORAGE_SERVICE: 's3_compatible',
      STORAGE_BUCKET_NAME: bucket,
      STORAGE_ENDPOINT: settings.S3_ENDPOINT,
      STORAGE_REGION: settings.S3_REGION,
      STORAGE_ACCESS_KEY_ID: settings.S3_ACCESS_KEY,
      STORAGE_FORCE_PATH_STYLE: settings.S3_PATH_STYLE,
      // Since 2025 Amazon's SDK adds checksums as trailers. R2, B2 and older MinIO refuse them: every upload fails.
      AWS_REQUEST_CHECKSUM_CALCULATION: 'when_required',
      AWS_RESPONSE_CHECKSUM_VALIDATION: 'when_required',
    }),
    ...deliveryEnv(deliveryTo(settings), secretName, { STORAGE_SECRET_ACCESS_KEY: 'S3_SECRET_KEY' }),
  ]
}

function mailEnv(settings: ChatwootSettings): EnvVar[] {
  if (settings.SMTP_HOST === undefined) return []
  const encrypted = settings.SMTP_PORT === 465
  return [
    ...env({
      MAILER_SENDER_EMAIL: mailbox(settings.BRAND_NAME, settings.SMTP_FROM),
      SMTP_ADDRESS: settings.SMTP_HOST,
      SMTP_PORT: settings.SMTP_PORT,
      SMTP_USERNAME: settings.SMTP_USER,
      SMTP_AUTHENTICATION: settings.SMTP_USER === undefined ? undefined : 'plain',
      SMTP_ENABLE_STARTTLS_AUTO: !encrypted,
      SMTP_TLS: encrypted ? true : undefined,
    }),
    ...(settings.SMTP_PASSWORD === undefined
      ? []
      : deliveryEnv(deliveryTo(settings), secretName, { SMTP_PASSWORD: 'SMTP_PASSWORD' })),
  ]
}

/**
 * Chatwoot verifies Redis's certificate unless the mode is `none`, and has no setting for a CA. OpenSSL reads
 * SSL_CERT_FILE in place of the image's bundle, and still the image's folder of public CAs (/etc/ssl/certs).
 */
const redisTls = (settings: ChatwootSettings) =>
  tlsOf(settings, 'REDIS').mode === 'require'
    ? { REDIS_OPENSSL_VERIFY_MODE: 'none' }
    : { SSL_CERT_FILE: caPath(settings, 'REDIS') }
