import { confirm, intro, isCancel, note, outro, password, select, text } from '@clack/prompts'
import { Cancelled } from './errors.mts'
import { interruption } from './signals.mts'

// The only importer of clack, and only for questions: around work its spinner turns Ctrl-C into exit 0.
const output = process.stderr
const asking = { output, signal: interruption.signal }

/** An answer, or Cancelled (130) when the operator pressed Ctrl-C or Escape; what ends a run (143) ends its question. */
function answered<T>(answer: T): Exclude<T, symbol> {
  interruption.throwIfAsked()
  if (isCancel(answer)) throw new Cancelled('cancelled: nothing was written')
  return answer as Exclude<T, symbol>
}

type Validate = (value: string) => string | undefined

export const prompt = {
  intro: (title: string): void => intro(title, { output }),
  outro: (line: string): void => outro(line, { output }),
  note: (lines: string, title: string): void => note(lines, title, { output }),

  /** @param fallback what Enter alone answers */
  async text(message: string, { fallback, validate }: { fallback?: string | undefined; validate: Validate }) {
    const answer = await text({
      message,
      ...asking,
      ...(fallback === undefined ? {} : { defaultValue: fallback, placeholder: fallback }),
      validate: (value) => validate(value === undefined || value === '' ? (fallback ?? '') : value),
    })
    return answered(answer)
  },

  async password(message: string, validate: Validate): Promise<string> {
    return answered(await password({ message, ...asking, validate: (value) => validate(value ?? '') }))
  },

  async confirm(message: string, initialValue = false): Promise<boolean> {
    return answered(await confirm({ message, ...asking, initialValue }))
  },

  async choose<T extends string>(
    message: string,
    choices: readonly { value: T; label: string }[],
    initialValue?: T,
  ): Promise<T> {
    const options = choices.map((choice) => ({ ...choice })) as Parameters<typeof select<T>>[0]['options']
    return answered<T | symbol>(
      await select<T>({
        message,
        ...asking,
        options,
        ...(initialValue === undefined ? {} : { initialValue }),
      }),
    )
  },
}
