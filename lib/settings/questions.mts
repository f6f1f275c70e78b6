import { messageOf, unlessInterrupted } from '../base/errors.mts'
import { headingOf } from '../base/names.mts'
import { prompt } from '../base/prompt.mts'
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
  /** What is asked, in order. */
  readonly wanted: readonly Setting[]
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
 * @throws Cancelled (130) at Ctrl-C or Escape, KitError exit 143 on SIGTERM or SIGHUP; nothing was written then
 */
export async function askQuestions(questions: Questions): Promise<RawValues> {
  const { module, env, wanted, generated, complete, tryOut } = questions
  prompt.intro(
    `${headingOf(module)}   ${env}   ${wanted.length} questions, ${generated} values generated for you`,
  )
  let answers: RawValues = {}
  for (;;) {
    for (const [index, setting] of wanted.entries()) {
      const resolved = complete(answers)
      const fallback = resolved.find((one) => one.setting.key === setting.key)?.text
      const message = [
        `${setting.title}   ${index + 1}/${wanted.length}`,
        ...(setting.help ? [setting.help] : []),
      ].join('\n')
      answers = {
        ...answers,
        [setting.key]: await askOne(setting, message, viewOf(env, resolved), fallback),
      }
    }
    const refusal = await tryOut?.(typed(env, complete(answers))).then(
      () => undefined,
      unlessInterrupted(messageOf),
    )
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
