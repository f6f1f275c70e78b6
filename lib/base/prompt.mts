import { confirm, intro, isCancel, note, outro, password, select, text } from '@clack/prompts'
import { Cancelled } from './errors.mts'
import { redact } from './sensitive.mts'
import { interruption } from './signals.mts'
import { questions } from './terminal.mts'
import { visible } from './visible.mts'
import { writtenClause } from './written.mts'

// The only importer of clack, and only for questions: around work its spinner turns Ctrl-C into exit 0.
const output = process.stderr
// Some terminals report 0 columns (serial consoles, `script`): clack would wrap after each letter.
if (output.isTTY && output.columns === 0) output.columns = 80
const asking = { output, signal: interruption.signal }

/** @throws Cancelled (130) when the operator pressed Ctrl-C or Escape; KitError exit 143 on SIGTERM or SIGHUP */
function answered<T>(answer: T): Exclude<T, symbol> {
  interruption.throwIfAsked()
  if (isCancel(answer)) throw new Cancelled(`cancelled: ${writtenClause()}`)
  return answer as Exclude<T, symbol>
}

/** A question may quote a host, a backend or the cluster: clack gets its text redacted, control characters visible. */
const shown = (text: string): string => visible(redact(text))

/** Gives one sentence when the value is invalid, else undefined. */
type Validate = (value: string) => string | undefined

const problem = (validate: Validate, value = ''): string | undefined => {
  const sentence = validate(value)
  return sentence === undefined ? undefined : shown(sentence)
}

/**
 * Questions on the terminal, which must be one (see interactive).
 * @throws every question: Cancelled (130) at Ctrl-C or Escape; KitError exit 143 on SIGTERM or SIGHUP
 */
export const prompt = {
  intro: (title: string): void => intro(shown(title), { output }),
  outro: (line: string): void => outro(shown(line), { output }),
  note: (lines: string, title: string): void => note(shown(lines), shown(title), { output }),

  /** Asks for a line of text. @param fallback the answer of Enter alone */
  async text(message: string, { fallback, validate }: { fallback?: string | undefined; validate: Validate }) {
    const answer = text({
      message: shown(message),
      ...asking,
      ...(fallback === undefined ? {} : { defaultValue: fallback, placeholder: shown(fallback) }),
      validate: (value) => problem(validate, value === undefined || value === '' ? fallback : value),
    })
    return answered(await questions.during(answer))
  },

  /** Asks for a value without showing it. */
  async password(message: string, validate: Validate): Promise<string> {
    const answer = password({
      message: shown(message),
      ...asking,
      validate: (value) => problem(validate, value),
    })
    return answered(await questions.during(answer))
  },

  /** Asks a yes or no question. @param initialValue the answer of Enter alone */
  async confirm(message: string, initialValue = false): Promise<boolean> {
    return answered(await questions.during(confirm({ message: shown(message), ...asking, initialValue })))
  },

  /** Asks for one of several choices. @param initialValue the answer of Enter alone */
  async choose<T extends string>(
    message: string,
    choices: readonly { value: T; label: string }[],
    initialValue?: T,
  ): Promise<T> {
    const options = choices.map(({ value, label }) => ({ value, label: shown(label) })) as Parameters<
      typeof select<T>
    >[0]['options']
    const answer = select<T>({
      message: shown(message),
      ...asking,
      options,
      ...(initialValue === undefined ? {} : { initialValue }),
    })
    return answered<T | symbol>(await questions.during(answer))
  },
}
