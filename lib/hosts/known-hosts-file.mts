import { statSync } from 'node:fs'
import { join } from 'node:path'
import { exitCodes, KitError } from '../base/errors.mts'
import { credentialsFolder, readIfThere, shownPath, writePrivate } from '../base/files.mts'

/** Where an environment's known_hosts is. */
export const knownHostsPath = (env: string): string => join(credentialsFolder(env), 'known_hosts')

/**
 * The text of an environment's known_hosts, empty when there is none. It holds nothing secret: others may read it.
 * @throws KitError exit 2 when others may write it, or it cannot be read
 */
export function readKnownHosts(env: string): string {
  const path = knownHostsPath(env)
  const text = readIfThere(path)
  if (text === undefined) return ''
  const mode = statSync(path).mode & 0o777
  if ((mode & 0o022) === 0) return text
  throw new KitError(
    `${shownPath(path)} can be written by others (mode ${mode.toString(8).padStart(4, '0')})`,
    {
      exitCode: exitCodes.usage,
      details: ['Who can write it decides which hosts are trusted.'],
      hint: `look at its lines, then chmod 600 ${shownPath(path)}`,
    },
  )
}

/**
 * Adds lines to an environment's known_hosts.
 * @throws KitError exit 2, see readKnownHosts; exit 12 if it is not written
 */
export const addKnownHosts = (env: string, lines: readonly string[]): void =>
  writePrivate(knownHostsPath(env), withLines(readKnownHosts(env), lines))

/** A text with lines added to it: an editor may have saved it without a line end at its end. */
export const withLines = (text: string, lines: readonly string[]): string =>
  `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${lines.map((line) => `${line}\n`).join('')}`
