import type { Sensitive } from '../../lib/base/sensitive.mts'
import { deliveryEnv, deliveryOf, type Delivery } from '../../lib/kube/manifests/delivery.mts'
import { env } from '../../lib/kube/manifests/pods.mts'
import { caPath } from '../../lib/kube/manifests/backend-trust.mts'
import type { EnvVar } from '../../lib/kube/types.mts'
import { sslModeOf } from '../../lib/settings/backend-tls.mts'
import { checksKey, keysOfModels } from './config.mts'
import { keysOf, qdrantKey } from './keys.mts'
import { identity, names, secretNames } from './names.mts'
import type { LlmSettings } from './settings.mts'

// The environment variables of LiteLLM's processes: plain values, and those from Secrets.

/** How pods get secret values: from Secrets, or from Vault as files. */
export const deliveryTo = (settings: LlmSettings): Delivery =>
  deliveryOf(settings, names.namespace(settings.ENV), identity.slug)

/** Seconds in which a pod that terminates may finish streamed responses. */
export const shutdownSeconds = 110

/** The data of LiteLLM's Secret, by the settings' keys. */
export const secrets = (settings: LlmSettings) => ({
  LITELLM_MASTER_KEY: settings.LITELLM_MASTER_KEY,
  LITELLM_SALT_KEY: settings.LITELLM_SALT_KEY,
  LITELLM_POSTGRES_PASSWORD: settings.LITELLM_POSTGRES_PASSWORD,
  REDIS_PASSWORD: settings.REDIS_PASSWORD,
})

/** The settings that are the operator's files. */
export const fileKeys = ['MODELS_YML', 'KEYS_ENV', 'SERVICES_YML'] as const

/** The operator's files, unchanged, for a Secret or Vault. No pod reads them: a lost file is restored from there. */
export const files = (settings: LlmSettings): Record<string, Sensitive | undefined> =>
  Object.fromEntries(fileKeys.map((key) => [key, settings[key]]))

/** What the Secrets have, or Vault in their place. @throws KitError exit 2, see keysOf */
export const kept = (settings: LlmSettings): Record<string, Sensitive | undefined> => ({
  ...secrets(settings),
  ...keysOf(settings),
  ...files(settings),
  ...(settings.QDRANT_API_KEY === undefined ? {} : { [qdrantKey]: settings.QDRANT_API_KEY }),
})

/** Values of the operator's keys that LiteLLM reads: changes restart it. @throws KitError exit 2, see modelsOf */
export const keysRead = (settings: LlmSettings): readonly (Sensitive | undefined)[] =>
  keysOfModels(settings).map((name) => keysOf(settings)[name])

/** The environment of LiteLLM, for its pods and Jobs. @param keys names of the operator's keys that it reads */
export function commonEnv(settings: LlmSettings, keys: readonly string[]): EnvVar[] {
  const database = names.database(settings.ENV)
  return [
    ...env({
      // The default, DEV, loads a file .env of the working directory.
      LITELLM_MODE: 'PRODUCTION',
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      LITELLM_TELEMETRY: 'False',
      NO_DOCS: 'True',
      DISABLE_ADMIN_UI: settings.LITELLM_ADMIN_UI ? undefined : 'True',
      GRACEFUL_SHUTDOWN_TIMEOUT: shutdownSeconds,
      TZ: settings.TIMEZONE,
      [checksKey]: 'unused',

      // LiteLLM itself builds a URL of these, and escapes each of them.
      DATABASE_HOST: `${settings.POSTGRES_HOST}:${settings.POSTGRES_PORT}`,
      DATABASE_NAME: database,
      DATABASE_USERNAME: database,
      // libpq's values: LiteLLM translates them for Prisma.
      DATABASE_SSLMODE: sslModeOf(settings),
      DATABASE_SSLROOTCERT: caPath(settings, 'POSTGRES'),

      // Folders it writes into, each an emptyDir: the root filesystem is read-only.
      HOME: '/tmp',
      LITELLM_MIGRATION_DIR: '/tmp/migrations',
      LITELLM_UI_PATH: '/tmp/ui',
      PRISMA_OFFLINE_MODE: 'true',
    }),
    ...deliveryEnv(deliveryTo(settings), secretNames.litellm, {
      LITELLM_MASTER_KEY: 'LITELLM_MASTER_KEY',
      LITELLM_SALT_KEY: 'LITELLM_SALT_KEY',
      DATABASE_PASSWORD: 'LITELLM_POSTGRES_PASSWORD',
      REDIS_PASSWORD: 'REDIS_PASSWORD',
    }),
    ...deliveryEnv(
      deliveryTo(settings),
      secretNames.keys,
      Object.fromEntries(keys.map((name) => [name, name])),
    ),
  ]
}
