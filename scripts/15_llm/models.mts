import { listOf, Misfit, onlyFields, optional, text, wholeNumber, type Shape } from '../../lib/base/shape.mts'
import { messageOf } from '../../lib/base/errors.mts'
import type { SettingsView } from '../../lib/settings/settings.mts'
import { isUrl } from '../../lib/settings/validators.mts'
import { readYaml } from '../../lib/settings/yaml-file.mts'
import { keyNames, keysFile, type IsKnown } from './keys.mts'
import { checkModels } from './names.mts'

// The operator's list of models. LiteLLM accepts a model whose key is set nowhere (`--validate_config` reports OK): the
// kit therefore validates the list strictly.

/** The name of the file, in messages. */
export const modelsFile = '15_llm.models.yml'

/** One entry: the name that callers request, and the model of a provider that answers. */
export interface Model {
  /** The name that callers request: `gpt-4o`. */
  readonly alias: string
  /** The provider's model, as LiteLLM names it: `openai/gpt-4o`. */
  readonly model: string
  /** Name of the key in the file of keys; absent for a provider that requires none. */
  readonly key?: string
  /** Address of the provider, when it is not its default one. */
  readonly base?: string
  /** Requests a minute, counted over all pods. */
  readonly rpm?: number
  /** Tokens a minute, counted over all pods. */
  readonly tpm?: number
  /** True when other entries have the same alias and share its requests. */
  readonly group?: boolean
}

/** Text that matches a pattern. @param what the problem of other text: `must be a name such as gpt-4o` */
const matching =
  (pattern: RegExp, what: string): Shape<string> =>
  (value, path) => {
    const one = text(value, path)
    if (!pattern.test(one)) throw new Misfit(path, what)
    return one
  }

const positive: Shape<number> = (value, path) => {
  const number = wholeNumber(value, path)
  if (number < 1) throw new Misfit(path, 'must be 1 or more')
  return number
}

const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new Misfit(path, 'must be true or false')
  return value
}

const address: Shape<string> = (value, path) => {
  const problem = isUrl(text(value, path))
  if (problem !== undefined) throw new Misfit(path, problem)
  return text(value, path)
}

/** The name of a variable in the file of keys. */
export const variable = matching(/^[A-Z][A-Z0-9_]*$/, 'must be a name such as OPENAI_API_KEY')

const shape = onlyFields({
  models: listOf(
    onlyFields({
      alias: matching(/^[A-Za-z0-9][\w.:/-]{0,99}$/, 'must be a name such as gpt-4o'),
      model: matching(/^[\w-]+\/[^\s]+$/, 'must be provider/name, such as openai/gpt-4o'),
      key: optional(variable),
      base: optional(address),
      rpm: optional(positive),
      tpm: optional(positive),
      group: optional(flag),
    }),
  ),
})

/**
 * Reads the file of models.
 * @param known names in the file of keys
 * @throws KitError exit 2 with line and column: see readYaml; for an alias that is given twice or is one of the checks,
 *   a key that is not set, or no model
 */
export function readModels(content: string, known: IsKnown): readonly Model[] {
  const { value, problem, line } = readYaml(modelsFile, content, shape)
  const models: readonly Model[] = value.models
  if (models.length === 0) throw problem(['models'], 'it names no model')
  for (const [at, { alias, key, group = false }] of models.entries()) {
    const place = ['models', at, 'alias']
    if (alias.startsWith(checkModels.plain))
      throw problem(place, `alias ${alias} belongs to the kit's own checks`)
    const first = models.findIndex((one) => one.alias === alias)
    const isGroup = group && (models[first]?.group ?? false)
    if (first < at && !isGroup) {
      const lines = `lines ${line(['models', first, 'alias'])} and ${line(place)}`
      throw problem(
        place,
        `alias ${alias} is given twice (${lines}); group: true on each shares its requests`,
      )
    }
    if (key !== undefined && !known(key))
      throw problem(
        ['models', at, 'key'],
        `it needs ${key}, which is in no settings file: add it to ${keysFile}`,
      )
  }
  return models
}

/** The validation rule of the file of models. @returns the first problem, or undefined */
export function problemOfModels(content: string, view: SettingsView): string | undefined {
  try {
    readModels(content, keyNames(view))
    return undefined
  } catch (thrown) {
    return messageOf(thrown)
  }
}
