import { askQuestions } from './questions.mts'
import { changedFiles, fileOf } from './credentials.mts'
import { writePrivate } from '../base/files.mts'
import { log } from '../base/log.mts'
import { missingError, requireLive, requireNoContradiction, requireValid } from './rules.mts'
import {
  type Declares,
  isSecret,
  missing,
  resolve,
  type Resolved,
  type Setting,
  type Settings,
  type Sources,
  type RawValues,
  viewOf,
} from './settings.mts'

/** The input of completeSettings. */
export interface Asking {
  readonly module: Declares
  readonly sources: Sources
  /** Values of the module's live Secrets, by setting key: a lost settings file is filled from them. */
  readonly live: RawValues
  /** Keys of live values that no validated revision ran with. */
  readonly unproven?: ReadonlySet<string>
  readonly interactive: boolean
  /** Connects to the backends once all answers are given; throws when one refuses. */
  readonly tryOut?: ((settings: Settings) => Promise<void>) | undefined
}

/**
 * Finds, adopts, generates and asks until every setting has a valid value. Writes nothing.
 * @throws KitError exit 2 listing everything missing or invalid, or naming a KEYBUZZ_ variable that contradicts a saved
 * value; exit 5 when a secret differs from the live one (see requireLive); at a question Cancelled (130) for Ctrl-C or
 * Escape, KitError exit 143 on SIGTERM or SIGHUP
 */
export async function completeSettings(asking: Asking): Promise<readonly Resolved[]> {
  const { module, sources, live, interactive } = asking
  const settings = [...module.shared, ...module.settings]
  requireNoContradiction(asking, settings)
  let resolved: readonly Resolved[] = fillIn(settings, sources, live)
  requireLive(asking, resolved)
  requireValid(
    asking,
    resolved.filter(({ origin }) => origin !== 'default'),
    'each',
  )
  if (missing(resolved).length > 0) {
    // A setting of kind file is copied into credentials/ENV, not typed.
    const untypable = missing(resolved).some(({ kind }) => kind === 'file')
    if (!interactive || untypable) throw missingError(sources.env, module, missing(resolved))
    const generated = resolved.filter(({ origin }) => origin === 'generated')
    const complete = (answers: RawValues) =>
      keepDrawn(
        fillIn(settings, { ...sources, overrides: { ...sources.overrides, ...answers } }, live),
        generated,
      )
    const { env } = sources
    const wanted = (answers: RawValues) =>
      questionsFor(module, Object.keys(answers).length === 0 ? resolved : complete(answers), env)
    resolved = complete(
      await askQuestions({
        module,
        env,
        wanted,
        generated: generated.length,
        complete,
        tryOut: asking.tryOut,
      }),
    )
  }
  requireValid(asking, resolved, 'together')
  return resolved
}

/**
 * Saves completed settings and logs where.
 * @param hold acquires the lock before a file is changed: otherwise another run might generate the same secrets
 * @throws KitError exit 12 when a file cannot be written; exit 2 for a value that cannot be written in a settings file,
 * or as savedSettings for a saved file; what `hold` throws
 */
export async function keepSettings(
  env: string,
  module: Declares,
  resolved: readonly Resolved[],
  hold: () => Promise<void>,
): Promise<void> {
  const started = performance.now()
  const changed = changedFiles(env, module, resolved)
  if (changed.size > 0) await hold()
  for (const [path, text] of changed) writePrivate(path, text)
  const secrets = resolved.filter(({ setting, text }) => isSecret(setting) && text !== undefined).length
  const own = module.settings[0] ?? module.shared[0]
  const where = own === undefined ? '' : fileOf(env, module, own)
  log.ok(`${resolved.length - secrets} settings, ${secrets} secrets   ${where}`, started)
}

/** Resolves the settings; a secret that no source has is adopted from the live Secret, else generated. */
function fillIn(settings: readonly Setting[], sources: Sources, live: RawValues): Resolved[] {
  return resolve(settings, sources).map((one): Resolved => {
    const { setting, text } = one
    if (text !== undefined || !isSecret(setting)) return one
    if (live[setting.key] !== undefined) return { setting, text: live[setting.key], origin: 'adopted' }
    return setting.generate === undefined ? one : { setting, text: setting.generate(), origin: 'generated' }
  })
}

/**
 * The settings to ask for: missing ones, the module's own that only have a default, which Enter keeps, and transient
 * ones without a value, which are in no file.
 */
const questionsFor = (module: Declares, resolved: readonly Resolved[], env: string): Setting[] => {
  const absent = missing(resolved)
  const view = viewOf(env, resolved)
  return resolved
    .filter(
      ({ setting, origin }) =>
        absent.includes(setting) ||
        (setting.isAsked?.(view) !== false &&
          ((origin === 'default' && module.settings.includes(setting)) ||
            (origin === undefined && setting.transient === true))),
    )
    .map(({ setting }) => setting)
}

/** Keeps the values that were generated before the questions: resolving again after them generates new ones. */
const keepDrawn = (complete: readonly Resolved[], generated: readonly Resolved[]): Resolved[] =>
  complete.map((one) =>
    one.origin === 'generated'
      ? (generated.find(({ setting }) => setting.key === one.setting.key) ?? one)
      : one,
  )
