import { parseEnvFile } from './env-file.mts'
import { saysSecret, sensitive, shortestSensitive, type Sensitive } from '../base/sensitive.mts'
import { messageOf } from '../base/errors.mts'

// A file of KEY='value' lines that an operator gives an application beyond what the kit knows of it.

/**
 * Shorter values stand in ordinary words too often to be cut out of a log: true, info. One whose name says that it is
 * secret is cut out from four characters on, as every setting that is declared secret.
 */
const shortestHidden = (name: string): number => (saysSecret(name) ? shortestSensitive : 8)

/** The values of such a file, by name; none without one. @throws KitError exit 2 for a line that cannot be read */
export const valuesIn = (file: Sensitive | undefined): Record<string, Sensitive> =>
  Object.fromEntries(
    Object.entries(file === undefined ? {} : parseEnvFile('', file.reveal())).map(([key, value]) => [
      key,
      sensitive(value, shortestHidden(key)),
    ]),
  )

/**
 * What is wrong with such a file: the first line that is invalid, or gives a name the kit gives by itself.
 * @param name of the file, for errors
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
  text.split('\n').findIndex((line) => line.startsWith(`${key}=`)) + 1
