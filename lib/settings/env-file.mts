import { written } from '../base/written.mts'
import { parse } from 'dotenv'
import { exitCodes, KitError } from '../base/errors.mts'
import { shownPath } from '../base/files.mts'

/**
 * One line as the kit writes it: KEY='value', in backticks when the value contains a single quote.
 * @throws KitError exit 2 for a value with a line break or NUL, or with both quotes; the error never shows the value
 */
export function lineFor(key: string, value: string): string {
  const quote = quoteFor(value)
  if (quote === undefined) {
    throw new KitError(
      `${key} cannot be saved: its quotes, backslashes or line breaks do not fit into a settings file`,
      {
        exitCode: exitCodes.usage,
        hint: `choose a value for ${key} without a line break, and without single quote and backtick together`,
      },
    )
  }
  return `${key}=${quote}${value}${quote}`
}

/** The quote with which dotenv parses exactly the value that is written; undefined when there is none. */
function quoteFor(value: string): string | undefined {
  if (/[\r\n\0]/.test(value)) return undefined
  // dotenv parses a value with both correctly, but shells and people do not (DESIGN section 6).
  if (value.includes("'") && value.includes('`')) return undefined
  const quotes = value.includes("'") ? ['`'] : ["'", '`']
  return quotes.find((quote) => parse(`VALUE=${quote}${value}${quote}`)['VALUE'] === value)
}

/** The text of a settings file: one line for each setting, in the order given. @throws KitError exit 2 as lineFor */
export const envText = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${lineFor(key, value)}\n`)
    .join('')

/**
 * Parses a settings file strictly: a line the kit would not have written is an error with its number, since a line that
 * is misread gives a wrong password. Blank lines, comments, a byte order mark and Windows line ends are accepted:
 * editors write them, and they change no value.
 * @param path of the file, for errors
 * @throws KitError exit 2 naming file, line and what is wrong; the error never shows a value
 */
export function parseEnvFile(path: string, text: string): Record<string, string> {
  const values: Record<string, string> = {}
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  if (lines.at(-1) !== '')
    throw badLine(path, lines.length, 'the file ends in the middle of a line: it may be cut off')
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const { key, value } = parseLine(path, index + 1, line)
    if (key in values) throw badLine(path, index + 1, `${key} is there twice`)
    values[key] = value
  }
  return values
}

function parseLine(path: string, number: number, line: string): { key: string; value: string } {
  const [, key, quote, inner] = /^([A-Z][A-Z0-9_]*)=(['`])(.*)\2$/.exec(line) ?? []
  if (key === undefined || inner === undefined)
    throw badLine(path, number, "it is not of the form KEY='value'")
  if (quoteFor(inner) !== quote) {
    throw badLine(path, number, `the value of ${key} is not quoted as the kit writes it: ${explainQuotes}`)
  }
  return { key, value: inner }
}

const explainQuotes = 'single quotes, or backticks when the value itself holds a single quote'

const badLine = (path: string, number: number, why: string): KitError =>
  new KitError(`${shownPath(path)} line ${number}: ${why}`, {
    exitCode: exitCodes.usage,
    details: [written()],
    hint: 'correct that line, or restore the file from your backup',
  })
