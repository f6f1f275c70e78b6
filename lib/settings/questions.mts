import { exitCodes, KitError } from '../base/errors.mts'
import { headingOf } from '../base/names.mts'
import { prompt } from '../base/prompt.mts'
import { interruption } from '../base/signals.mts'
import {
  type Declares,
  viewOf,
  isSecret,
  problemWith,
  typed,
  type SettingsView,
  type Resolved,
  type Setting,
  type Settings,
  type RawValues,
} from './settings.mts'

/** The input of askQuestions. */
export interface Questions {
  readonly module: Declares
  readonly env: string
  /** What is asked with these answers, in order: one answer may want others. */
  readonly wanted: (answers: RawValues) => readonly Setting[]
  /** How many values are generated, for the heading. */
  readonly generated: number
  /** Resolves every setting with these answers. */
  readonly complete: (answers: RawValues) => readonly Resolved[]
  /** Connects to the backends; throws when one refuses. */
  readonly tryOut: ((settings: Settings) => Promise<void>) | undefined
}

/**
 * Asks the questions, then connects to the backends. When one refuses, the operator sees why, and may answer again or
 * save the answers as they are.
 * @returns the answers by setting key
 * @throws Cancelled (130) at Ctrl-C or Escape, KitError exit 143 on SIGTERM or SIGHUP, and what `tryOut` throws that is
 * not a KitError; nothing was written then
 */
export async function askQuestions(questions: Questions): Promise<RawValues> {
  const { module, env, wanted, generated, complete, tryOut } = questions
  let answers: RawValues = {}
  const asked = [...wanted(answers)]
  prompt.intro(
    `${headingOf(module)}   ${env}   ${asked.length} questions, ${generated} values generated for you`,
  )
  for (;;) {
    for (let index = 0; index < asked.length; index += 1) {
      const setting = asked[index] as Setting
      const resolved = complete(answers)
      const fallback = resolved.find((one) => one.setting.key === setting.key)?.text
      const message = [
        `${setting.title}   ${index + 1}/${asked.length}`,
        ...(setting.help ? [setting.help] : []),
      ].join('\n')
      answers = {
        ...answers,
        [setting.key]: await askOne(setting, message, viewOf(env, resolved), fallback),
      }
      asked.push(...wanted(answers).filter((one) => !asked.includes(one)))
    }
    const refusal = await tryOut?.(typed(env, complete(answers))).then(() => undefined, refusalIn)
    if (refusal === undefined) {
      prompt.outro('all answers fit')
      return answers
    }
    prompt.note(refusal, 'A backend refuses these answers')
    const next = await prompt.choose('What now?', [
      { value: 'again', label: 'Answer again' },
      { value: 'save', label: 'Save the answers as they are' },
    ])
    if (next === 'save') return answers
  }
}

/** What a backend refuses, and what to do about it. @throws the error itself when it is an interruption or a bug */
function refusalIn(thrown: unknown): string {
  interruption.throwIfAsked()
  const ends: readonly number[] = [exitCodes.interrupted, exitCodes.terminated]
  if (!(thrown instanceof KitError) || ends.includes(thrown.exitCode)) throw thrown
  const { message, details, hint } = thrown
  return [message, ...details, ...(hint === undefined ? [] : [`next: ${hint}`])].join('\n')
}

async function askOne(
  setting: Setting,
  message: string,
  view: SettingsView,
  fallback: string | undefined,
): Promise<string> {
  const validate = (value: string) => {
    if (value === '') return setting.optional === true ? undefined : 'an answer is needed'
    return problemWith(setting, value, view)
  }
  if (isSecret(setting)) return prompt.password(message, validate)
  if (setting.kind === 'choice') {
    return prompt.choose(
      message,
      (setting.choices ?? []).map((value) => ({ value, label: value })),
      fallback,
    )
  }
  if (setting.kind === 'flag') return String(await prompt.confirm(message, fallback === 'true'))
  return prompt.text(message, { fallback, validate })
}
