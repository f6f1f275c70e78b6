import { stringify } from 'yaml'
import { sha256 } from '../../lib/kube/manifests/objects.mts'
import { caPath } from '../../lib/kube/manifests/backend-trust.mts'
import { tlsOf } from '../../lib/settings/backend-tls.mts'
import { pool } from './backends.mts'
import { isIn, keysOf } from './keys.mts'
import { readModels, type Model } from './models.mts'
import { checkLimit, checkModels, checksPort } from './names.mts'
import type { LlmSettings } from './settings.mts'

// LiteLLM's configuration file. It contains no key: LiteLLM reads each from the environment, `os.environ/NAME`.

/** The placeholder in an offline plan for a file that does not exist yet. */
const notThereYet = '<MODELS_YML>'

/** The operator's models. @throws KitError exit 2 when the file of models or of keys is invalid */
export function modelsOf(settings: LlmSettings): readonly Model[] {
  const text = settings.MODELS_YML.reveal()
  return text === notThereYet ? [] : readModels(text, isIn(Object.keys(keysOf(settings))))
}

/** The names of the keys that the models use, each once. @throws KitError exit 2, see modelsOf */
export const keysOfModels = (settings: LlmSettings): readonly string[] => [
  ...new Set(modelsOf(settings).flatMap(({ key }) => key ?? [])),
]

/** The variable with the key for the checks' own provider, which requires none. */
export const checksKey = 'CHECK_PROVIDER_KEY'

const fromEnvironment = (name: string): string => `os.environ/${name}`

/** The text of config.yaml. @throws KitError exit 2, see modelsOf */
export function configOf(settings: LlmSettings): string {
  return stringify(
    {
      model_list: [...modelsOf(settings).map(entryOf), ...checkEntries()],
      litellm_settings: { request_timeout: 600, drop_params: true },
      router_settings: {
        // Without it a model's rpm and tpm are no limits: LiteLLM only uses them to choose among several models.
        optional_pre_call_checks: ['enforce_model_rate_limits'],
      },
      general_settings: {
        master_key: fromEnvironment('LITELLM_MASTER_KEY'),
        // Explicit: for a Redis from the environment LiteLLM falls back to memory, with one warning.
        coordination_redis: redisOf(settings),
        // Otherwise each pod counts the limits of keys alone while Redis cannot be reached, as it does those of models.
        fail_closed_rate_limit_enforcement: true,
        database_connection_pool_limit: pool.proxy,
        store_model_in_db: true,
        // Seconds for which the other pods still accept a deleted key; LiteLLM's default is 60.
        user_api_key_cache_ttl: 10,
      },
    },
    { version: '1.1', lineWidth: 0 },
  )
}

const entryOf = ({ alias, model, key, base, rpm, tpm }: Model) => ({
  model_name: alias,
  litellm_params: {
    model,
    ...(key === undefined ? {} : { api_key: fromEnvironment(key) }),
    ...(base === undefined ? {} : { api_base: base }),
    ...(rpm === undefined ? {} : { rpm }),
    ...(tpm === undefined ? {} : { tpm }),
  },
})

/** The two models of the checks: one without a limit, one with `checkLimit` requests a minute over all pods. */
const checkEntries = () =>
  [
    { model_name: checkModels.plain, more: {} },
    { model_name: checkModels.limited, more: { rpm: checkLimit } },
  ].map(({ model_name, more }) => ({
    model_name,
    litellm_params: {
      model: `openai/${model_name}`,
      api_key: fromEnvironment(checksKey),
      api_base: `http://llm-checks:${checksPort}/v1`,
      ...more,
    },
  }))

function redisOf(settings: LlmSettings) {
  const { mode } = tlsOf(settings, 'REDIS')
  const ca = caPath(settings, 'REDIS')
  return {
    host: settings.REDIS_HOST,
    port: settings.REDIS_PORT,
    db: settings.LITELLM_REDIS_DB,
    password: fromEnvironment('REDIS_PASSWORD'),
    ...(mode === 'off' ? {} : { ssl: true, ssl_cert_reqs: mode === 'verify' ? 'required' : 'none' }),
    ...(ca === undefined ? {} : { ssl_ca_certs: ca }),
  }
}

/**
 * The ConfigMap's name, with the hash of the file: pods that restart before the rollout still read their old one.
 * @throws KitError exit 2, see modelsOf
 */
export const configName = (settings: LlmSettings): string =>
  `litellm-config-${sha256(configOf(settings)).slice(0, 10)}`
