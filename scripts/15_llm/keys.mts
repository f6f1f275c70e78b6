import { problemOfEnvFile, valuesIn } from '../../lib/settings/env-values.mts'
import type { SettingsView } from '../../lib/settings/settings.mts'
import { parseEnvFile } from '../../lib/settings/env-file.mts'
import type { Sensitive } from '../../lib/base/sensitive.mts'

// The operator's keys of model providers, and whatever else his services need: one file, each value known by its name.

/** The name of the file, in messages. */
export const keysFile = '15_llm.keys.env'

/** Beginnings of names that LiteLLM, its database client, Redis or Qdrant read by themselves. */
const ours = /^(LITELLM|DATABASE|DIRECT|REDIS|QDRANT|PRISMA|POSTGRES|KEYBUZZ|CHECK)_/
/** Whole names the pods have already, or by which a lost settings file is filled again. */
const taken = new Set(
  [
    'HOME PATH TZ USER HOSTNAME SSL_CERT_FILE LITELLM_URL QDRANT_URL',
    'NO_DOCS DISABLE_ADMIN_UI DISABLE_SCHEMA_UPDATE STORE_MODEL_IN_DB GRACEFUL_SHUTDOWN_TIMEOUT',
    'MODELS_YML SERVICES_YML KEYS_ENV TLS_CRT TLS_KEY',
  ].flatMap((line) => line.split(' ')),
)

/** The key of the kit's own Qdrant, which a service may name; that of an external one is the operator's to give. */
export const qdrantKey = 'QDRANT_API_KEY'

/** A rule for the file of keys. */
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
 * The names in the file of keys; none without one. While it is invalid any name may be in it: its own rule says what is
 * wrong, and no other file is blamed for it.
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

/** The names that services may give: those of the file, and the kit's own. @param known names in the file of keys */
export const serviceKeys =
  (known: IsKnown, external: string | undefined): IsKnown =>
  (name) =>
    known(name) || (!external && name === qdrantKey)

/** The values in the file of keys, by name. */
export const keysOf = (settings: { readonly KEYS_ENV?: Sensitive | undefined }): Record<string, Sensitive> =>
  valuesIn(settings.KEYS_ENV)
