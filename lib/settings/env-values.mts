import { parseEnvFile } from './env-file.mts'
import { saysSecret, sensitive, shortestSensitive, type Sensitive } from '../base/sensitive.mts'
import { messageOf } from '../base/errors.mts'
import { isEmail, isHostOrAddress, isHostWithPort } from './validators.mts'

// A file of KEY='value' lines with which an operator adds environment variables to those the kit gives an application.

/**
 * Fewest characters of a value that is redacted: shorter ones occur in logs too often, such as true and info. One whose
 * name says that it is secret is redacted from four characters on, as every setting that is declared secret.
 */
const shortestHidden = (name: string): number => (saysSecret(name) ? shortestSensitive : 8)

/**
 * The values of such a file, by name; empty without a file.
 * @param name of the file, for errors
 * @throws KitError exit 2 for a line of another form
 */
export const valuesIn = (name: string, file: Sensitive | undefined): Record<string, Sensitive> =>
  Object.fromEntries(
    Object.entries(file === undefined ? {} : parseEnvFile(name, file.reveal())).map(([key, value]) => [
      key,
      sensitive(value, shortestHidden(key)),
    ]),
  )

/** Fewest characters by which a value of such a file looks secret when its name does not say so. */
const shortestTelling = 16

/**
 * True for a value of such a file that public objects have too: a short word, or where a server or who a person is. A
 * value whose name says that it is secret is never one.
 */
export const isPublicValue = (name: string, value: string): boolean =>
  !saysSecret(name) && (value.length < shortestTelling || isHost(value) || isPlainMail(value))

/** A name with a dot, an address, or one of them with a port: a key may be one word too. */
const isHost = (value: string): boolean =>
  value.includes('.') && [isHostOrAddress, isHostWithPort].some((rule) => rule(value) === undefined)

/** A URL with a login and a host looks like an e-mail address. */
const isPlainMail = (value: string): boolean => isEmail(value) === undefined && !/[:/]/.test(value)

/**
 * Why such a file cannot be used: the first line that is invalid, or the first variable that the kit gives itself.
 * @param name of the file, for errors
 * @param isTaken true for a variable that the kit gives itself
 * @returns one sentence, undefined when the file can be used
 */
export function problemOfEnvFile(
  name: string,
  text: string,
  isTaken: (key: string) => boolean,
): string | undefined {
  try {
    const taken = Object.keys(parseEnvFile(name, text)).find(isTaken)
    return taken === undefined
      ? undefined
      : `line ${lineOf(text, taken)}: ${taken} is given by the kit itself`
  } catch (thrown) {
    return messageOf(thrown)
  }
}

const lineOf = (text: string, key: string): number =>
  text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .findIndex((line) => line.startsWith(`${key}=`)) + 1
