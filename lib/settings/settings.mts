import { isSensitive, sensitive, shortestSensitive, type Sensitive } from '../base/sensitive.mts'

/** One named value a module needs. The list of fields is closed (DESIGN section 6). */
export interface Setting {
  readonly key: string
  /** The question's label, a few words. */
  readonly title: string
  /** Shown under the question and in the README's table. */
  readonly help?: string
  readonly kind: 'text' | 'number' | 'flag' | 'choice' | 'sensitive' | 'file'
  /** Of kind `choice`: the allowed values. */
  readonly choices?: readonly string[]
  /** Used when no source has a value; a function may build it from other settings' text. */
  readonly default?: string | ((view: SettingsView) => string | undefined)
  /** Generates a sensitive value, once, when neither file nor cluster has one. */
  readonly generate?: () => string
  /** Gives one sentence when the value is invalid, else undefined. */
  readonly validate?: (value: string, view: SettingsView) => string | undefined
  /** False: this setting does not apply with the others as they are, and is neither asked nor required. */
  readonly when?: (view: SettingsView) => boolean
  readonly optional?: true
  /** Never replaced by any flag once it exists: an encryption key. */
  readonly keep?: true
  /** Used by this run only: the kit never writes it to a file or revision. An operator may put it in the file. */
  readonly transient?: true
  /** False: unless it is missing, it is not asked with the others as they are, though it applies. */
  readonly isAsked?: (view: SettingsView) => boolean
}

/** What defaults and rules may read: the text of other settings, and the environment's name. */
export interface SettingsView {
  readonly env: string
  text(key: string): string | undefined
}

/** The resolved settings of a module: the environment, and values by key. */
export interface Settings {
  /** The environment's name: `dev`, `staging`, `prod`, ... */
  readonly ENV: string
  readonly [key: string]: string | number | boolean | Sensitive | undefined
}

/** A module's names, and the settings it declares. */
export interface Declares {
  /** The number operators know it by, 9 to 15. */
  readonly number: number
  /** The word in its folder and file names: `n8n` for scripts/12_n8n. */
  readonly slug: string
  /** What an operator calls it: `n8n workflows`. */
  readonly title: string
  /** Settings shared with other modules, kept in platform.env. */
  readonly shared: readonly Setting[]
  /** Settings of this module alone, kept in its own .env. */
  readonly settings: readonly Setting[]
  /** Rules over several settings: one sentence for each that is broken. */
  validate?(settings: Settings): string[]
}

/** The source of a setting's text, in the order of precedence. */
export type Origin = 'override' | 'saved' | 'variable' | 'adopted' | 'generated' | 'default'

/** One setting with the text it resolved to, still untyped. */
export interface Resolved {
  readonly setting: Setting
  readonly text: string | undefined
  readonly origin: Origin | undefined
}

/** Text by setting key, from one source. */
export type RawValues = Readonly<Record<string, string>>

/** The sources of settings, in the order of precedence. */
export interface Sources {
  readonly env: string
  /** --set and the answers file: replace what is saved. */
  readonly overrides: RawValues
  /** The .env files of the environment. */
  readonly saved: RawValues
  /** KEYBUZZ_ variables, without the prefix: fill gaps only. */
  readonly variables: RawValues
}

/** True for a value that must never be shown. */
export const isSecret = (setting: Setting): boolean => setting.kind === 'sensitive' || setting.kind === 'file'

/**
 * Finds each setting's text: from overrides, else saved, else the variable, else the default. Settings whose `when` is
 * false are left out. Pure: nothing is generated, adopted, written or asked here.
 */
export function resolve(settings: readonly Setting[], sources: Sources): Resolved[] {
  const byKey = new Map(settings.map((setting) => [setting.key, setting]))
  const looking = new Set<string>()
  const find = (setting: Setting): Resolved => {
    const { key } = setting
    for (const [origin, texts] of [
      ['override', sources.overrides],
      ['saved', sources.saved],
      ['variable', sources.variables],
    ] as const) {
      if (texts[key] !== undefined) return { setting, text: texts[key], origin }
    }
    const fallback = typeof setting.default === 'function' ? setting.default(view) : setting.default
    return { setting, text: fallback, origin: fallback === undefined ? undefined : 'default' }
  }
  const view: SettingsView = {
    env: sources.env,
    text(key) {
      const setting = byKey.get(key)
      if (setting === undefined || looking.has(key)) return sources.saved[key] ?? sources.overrides[key]
      looking.add(key)
      try {
        return find(setting).text
      } finally {
        looking.delete(key)
      }
    },
  }
  return settings.filter((setting) => setting.when?.(view) ?? true).map(find)
}

/** The SettingsView of settings that are already resolved. */
export const viewOf = (env: string, resolved: readonly Resolved[]): SettingsView => ({
  env,
  text: (key) => resolved.find(({ setting }) => setting.key === key)?.text,
})

/** The required settings without text. */
export const missing = (resolved: readonly Resolved[]): Setting[] =>
  resolved
    .filter(({ setting, text }) => text === undefined && setting.optional !== true)
    .map(({ setting }) => setting)

/** Variables that contradict a saved value. A forgotten export must not move a live server (DESIGN section 6). */
export const contradicting = (settings: readonly Setting[], { saved, variables }: Sources): Setting[] =>
  settings.filter(
    ({ key }) => saved[key] !== undefined && variables[key] !== undefined && saved[key] !== variables[key],
  )

/** One sentence when a setting's text is invalid, else undefined. It never contains a sensitive value. */
export function problemWith(setting: Setting, text: string, view: SettingsView): string | undefined {
  // An empty text sets no value, also where the setting has a default or the last revision had a value.
  if (text === '' && setting.optional === true) return undefined
  if (setting.kind === 'number' && !/^-?\d+$/.test(text)) return 'must be a whole number'
  if (setting.kind === 'flag' && text !== 'true' && text !== 'false') return 'must be true or false'
  if (setting.kind === 'choice' && !setting.choices?.includes(text)) {
    return `must be one of ${setting.choices?.join(', ')}`
  }
  if (setting.kind === 'sensitive' && text.length < shortestSensitive) {
    return `must have at least ${shortestSensitive} characters`
  }
  if (setting.kind !== 'file' && /[\r\n\0]/.test(text)) return 'must be a single line'
  return setting.validate?.(text, view)
}

/** The typed record that steps receive: secrets are Sensitive, settings without a value are absent. */
export function typed(env: string, resolved: readonly Resolved[]): Settings {
  const record: Record<string, string | number | boolean | Sensitive> = { ENV: env }
  for (const { setting, text } of resolved) {
    if (text === undefined || text === '') continue
    if (isSecret(setting)) record[setting.key] = sensitive(text)
    else if (setting.kind === 'number') record[setting.key] = Number(text)
    else if (setting.kind === 'flag') record[setting.key] = text === 'true'
    else record[setting.key] = text
  }
  return record as Settings
}

/** A setting's value for a table or plan: `***` for a secret. */
export const shown = (value: Settings[string]): string => (isSensitive(value) ? '***' : String(value ?? ''))
