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
} from './settings.mts'

export interface Asking {
  readonly module: Declares
  readonly sources: Sources
  /** Values of the module's live Secrets, by setting key: what a lost settings file is filled from. */
  readonly live: RawValues
  readonly interactive: boolean
  /** Tries the backends for real once all answers are there; throws when one refuses. */
  readonly tryOut?: ((settings: Settings) => Promise<void>) | undefined
}

/**
 * Finds, adopts, generates and asks until every setting has a right value. Writes nothing.
 * @throws KitError exit 2 listing everything that is missing or wrong; exit 5 when a saved secret is not the live one
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
    // A file is laid beside the others, not typed.
    const untypable = missing(resolved).some(({ kind }) => kind === 'file')
    if (!interactive || untypable) throw missingError(sources.env, module, missing(resolved))
    const generated = resolved.filter(({ origin }) => origin === 'generated')
    const complete = (answers: RawValues) =>
      keepDrawn(
        fillIn(settings, { ...sources, overrides: { ...sources.overrides, ...answers } }, live),
        generated,
      )
    const wanted = questionsFor(module, resolved)
    const { env } = sources
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
 * Saves what was completed and says where.
 * @param hold comes before a file is changed: another run may be about to draw the same secrets
 * @throws KitError exit 12 when the disk does not take them; exit 2 for a value no file can hold; what `hold` throws
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

/** Resolves, then takes what is still missing from the live Secret, and only then generates. */
function fillIn(settings: readonly Setting[], sources: Sources, live: RawValues): Resolved[] {
  return resolve(settings, sources).map((one): Resolved => {
    const { setting, text } = one
    if (text !== undefined || !isSecret(setting)) return one
    if (live[setting.key] !== undefined) return { setting, text: live[setting.key], origin: 'adopted' }
    return setting.generate === undefined ? one : { setting, text: setting.generate(), origin: 'generated' }
  })
}

/** What is missing, and the module's own settings that only have a default: Enter keeps those. */
const questionsFor = (module: Declares, resolved: readonly Resolved[]): Setting[] => {
  const absent = missing(resolved)
  return resolved
    .filter(
      ({ setting, origin }) =>
        absent.includes(setting) || (origin === 'default' && module.settings.includes(setting)),
    )
    .map(({ setting }) => setting)
}

/** A value generated before the questions stays the same one after them. */
const keepDrawn = (complete: readonly Resolved[], generated: readonly Resolved[]): Resolved[] =>
  complete.map((one) =>
    one.origin === 'generated'
      ? (generated.find(({ setting }) => setting.key === one.setting.key) ?? one)
      : one,
  )
