import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { exitCodes, KitError } from './errors.mts'
import { root } from './files.mts'

/**
 * The home folder of the user who runs the kit: HOME, else that of the user database.
 * @returns undefined for a user id without an entry there (docker run --user 1234) when HOME is not set
 */
export function homeFolder(): string | undefined {
  try {
    return homedir()
  } catch {
    // Node throws where the user id is not known; callers decide what to do without a home.
    return undefined
  }
}

/**
 * Resolves a path of settings or versions.json: relative to the kit's root folder, `~/` to the operator's home.
 * @throws KitError exit 2 for `~/` when the operator has no home folder
 */
export function fromRoot(path: string): string {
  if (!path.startsWith('~/')) return resolve(root, path)
  const home = homeFolder()
  if (home !== undefined) return resolve(root, `${home}${path.slice(1)}`)
  throw new KitError(`cannot resolve ${path}: the user who runs the kit has no home folder`, {
    exitCode: exitCodes.usage,
    hint: 'write the absolute path there, or set HOME, then run the same command again',
  })
}
