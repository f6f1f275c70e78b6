import { problemOfEnvFile, valuesIn } from '../../lib/settings/env-values.mts'
import type { SettingsView } from '../../lib/settings/settings.mts'
import { parseEnvFile } from '../../lib/settings/env-file.mts'
import type { Sensitive } from '../../lib/base/sensitive.mts'

// The operator's keys of model providers, and other values that the services need: one file, each value has a name.

/** The name of the file, in messages. */
export const keysFile = '15_llm.keys.env'

/** Prefixes of variables that LiteLLM, its database client, Redis or Qdrant read by themselves. */
const ours = /^(LITELLM|DATABASE|DIRECT|REDIS|QDRANT|PRISMA|POSTGRES|KEYBUZZ|CHECK)_/
/** Variables that the pods have already, and names by which a lost settings file is restored. */
const taken = new Set(
  [
    'HOME PATH TZ USER HOSTNAME SSL_CERT_FILE LITELLM_URL QDRANT_URL',
    'NO_DOCS DISABLE_ADMIN_UI DISABLE_SCHEMA_UPDATE STORE_MODEL_IN_DB GRACEFUL_SHUTDOWN_TIMEOUT',
    'MODELS_YML SERVICES_YML KEYS_ENV TLS_CRT TLS_KEY',
  ].flatMap((line) => line.split(' ')),
)

/** The name of the key of the kit's own Qdrant, which a service may list. That of an external one is in the file. */
export const qdrantKey = 'QDRANT_API_KEY'

/** The validation rule of the file of keys. @returns the first problem, or undefined */
export const problemOfKeys = (text: string, view?: SettingsView): string | undefined =>
  problemOfEnvFile(
    keysFile,
    text,
    (key) =>
      taken.has(key) || (ours.test(key) && !(key === qdrantKey && Boolean(view?.text('VECTOR_STORE_URL')))),
  )

/** Whether a name is one of the keys that are set. */
export type IsKnown = (name: string) => boolean

/**
 * The names in the file of keys; none without one. Every name counts as known while the file is invalid: only its own
 * rule reports that, and not the rules of the files that use its names.
 */
export function keyNames(view: SettingsView | undefined): IsKnown {
  const text = view?.text('KEYS_ENV') ?? ''
  if (text === '') return () => false
  if (problemOfKeys(text, view) !== undefined) return () => true
  return isIn(Object.keys(parseEnvFile(keysFile, text)))
}

/** True for these names. */
export const isIn = (names: readonly string[]): IsKnown => {
  const all = new Set(names)
  return (name) => all.has(name)
}

/**
 * The names that services may list: those in the file of keys, and the kit's own Qdrant's.
 * @param known names in the file of keys
 * @param external the URL of an external vector store: then there is no Qdrant of the kit
 */
export const serviceKeys =
  (known: IsKnown, external: string | undefined): IsKnown =>
  (name) =>
    known(name) || (!external && name === qdrantKey)

/** The values in the file of keys, by name; none without it. @throws KitError exit 2 when it is invalid */
export const keysOf = (settings: { readonly KEYS_ENV?: Sensitive | undefined }): Record<string, Sensitive> =>
  valuesIn(keysFile, settings.KEYS_ENV)
