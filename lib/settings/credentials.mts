import { join } from 'node:path'
import { envText, parseEnvFile } from './env-file.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { entriesIn } from '../base/entries.mts'
import { credentialsFolder, readPrivate, root, shownPath } from '../base/files.mts'
import { folderOf, reservedEnvironments } from '../base/names.mts'
import type { Declares, Resolved, Setting, RawValues } from './settings.mts'

/** Environments that have a folder in credentials/. @throws KitError exit 2 when credentials/ cannot be read */
export const environments = (): string[] =>
  entriesIn(join(root, 'credentials')).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))

/**
 * Chooses the environment of this run: --env, else KEYBUZZ_ENV, else the only one that exists.
 * @param given the value of --env
 * @throws KitError exit 2 when none is given and not exactly one exists, the name is reserved or invalid in Kubernetes
 * names, or credentials/ cannot be read
 */
export function chooseEnvironment(given: string | undefined): string {
  const found = environments()
  const env = given ?? variables()['ENV'] ?? (found.length === 1 ? found[0] : undefined)
  if (env === undefined) {
    throw new KitError('which environment?', {
      exitCode: exitCodes.usage,
      details: found.length === 0 ? [] : [`there are: ${found.join(', ')}`],
      hint: `add its name: ${(found.length === 0 ? ['dev', 'staging', 'prod'] : found).map((one) => `--env ${one}`).join(', or ')}`,
    })
  }
  if (reservedEnvironments.includes(env)) {
    throw new KitError(
      `"${env}" cannot be an environment's name: keybuzz-${env} is the kit's own namespace`,
      {
        exitCode: exitCodes.usage,
        hint: 'use another name: dev, staging, prod, ...',
      },
    )
  }
  if (!/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(env)) {
    throw new KitError(`"${env}" cannot be an environment's name`, {
      exitCode: exitCodes.usage,
      hint: 'use up to 20 lower-case letters, digits and dashes, beginning with a letter',
    })
  }
  return env
}

/** The file of a module's own settings: credentials/ENV/12_n8n.env. */
export const settingsFile = (env: string, module: Declares): string =>
  join(credentialsFolder(env), `${folderOf(module)}.env`)
/** The file of the settings that modules share: credentials/ENV/platform.env. */
export const platformFile = (env: string): string => join(credentialsFolder(env), 'platform.env')

/** The file name of a `file` setting: 10_keybuzz.api.env (API_ENV of module 10), platform.postgres.ca (shared). */
export const ownFileName = (module: Declares, setting: Setting): string =>
  `${module.settings.includes(setting) ? folderOf(module) : 'platform'}.${fileEnding(setting.key)}`

const ownFile = (env: string, module: Declares, setting: Setting): string =>
  join(credentialsFolder(env), ownFileName(module, setting))

/** The path of the file that holds `setting` of `module`, as shown to operators. */
export function fileOf(env: string, module: Declares, setting: Setting): string {
  if (setting.kind === 'file') return shownPath(ownFile(env, module, setting))
  return shownPath(module.settings.includes(setting) ? settingsFile(env, module) : platformFile(env))
}

/**
 * Reads the saved settings of a module and of the platform, those of kind `file` too. A setting that modules share may
 * stand in the module's own files: an earlier kit kept some there.
 * @throws KitError exit 2 for a shared setting with another value in each file; for a file that cannot be read, on which
 * group or others have any right, or that is not
 * UTF-8; with the line too, for one that parseEnvFile refuses
 */
export function savedSettings(env: string, module: Declares): RawValues {
  const files = filesOf(module).flatMap((setting) => {
    const text = readPrivate(ownFile(env, module, setting)) ?? readPrivate(formerFile(env, module, setting))
    return text === undefined ? [] : [[setting.key, text]]
  })
  const [platform, own] = [readSettings(platformFile(env)), readSettings(settingsFile(env, module))]
  const isShared = isAmong(module.shared)
  const shared = Object.entries(platform).filter(([key]) => isShared(key))
  const twice = shared.flatMap(([key, text]) => (own[key] === undefined || own[key] === text ? [] : [key]))
  if (twice.length > 0)
    throw new KitError(`${twice.join(', ')}: two files have different values`, {
      exitCode: exitCodes.usage,
      details: [shownPath(platformFile(env)), shownPath(settingsFile(env, module))],
      hint: `modules share it: write the value into ${shownPath(platformFile(env))}, and take its line out of ${shownPath(settingsFile(env, module))}`,
    })
  return { ...platform, ...own, ...(Object.fromEntries([...shared, ...files]) as RawValues) }
}

const isAmong = (settings: readonly Setting[]) => {
  const keys = new Set(settings.map(({ key }) => key))
  return (key: string): boolean => keys.has(key)
}

/** Where a `file` setting of a module stood before modules shared it: 14_vault.vault.ca. */
const formerFile = (env: string, module: Declares, { key }: Setting): string =>
  join(credentialsFolder(env), `${folderOf(module)}.${fileEnding(key)}`)

/** `vault.ca`, of VAULT_CA */
const fileEnding = (key: string): string => key.toLowerCase().replaceAll('_', '.')

const filesOf = ({ settings, shared }: Declares): Setting[] =>
  [...settings, ...shared].filter(({ kind }) => kind === 'file')

function readSettings(path: string): RawValues {
  const text = readPrivate(path)
  return text === undefined ? {} : parseEnvFile(path, text)
}

/**
 * The files that saving these settings would change. Values that are only defaults are saved too: another default in a
 * later kit must not change a running installation. Keys of other modules stay as they are; one that modules share goes
 * from the module's own file to platform.env.
 * @returns the new content by path
 * @throws KitError exit 2 for a value that cannot be written in a settings file, or as savedSettings for a saved file
 */
export function changedFiles(
  env: string,
  module: Declares,
  resolved: readonly Resolved[],
): Map<string, string> {
  const changed = new Map<string, string>()
  for (const { setting, text } of resolved) {
    if (setting.kind !== 'file' || text === undefined) continue
    const path = ownFile(env, module, setting)
    if (readPrivate(path) !== text) changed.set(path, text)
  }
  const written = resolved.filter(
    ({ setting, text }) => text !== undefined && setting.kind !== 'file' && setting.transient !== true,
  )
  const sharedNow = isAmong(
    written.map(({ setting }) => setting).filter((setting) => module.shared.includes(setting)),
  )
  for (const [path, settings, goes] of [
    [platformFile(env), module.shared, () => false],
    [settingsFile(env, module), module.settings, sharedNow],
  ] as const) {
    const before = readSettings(path)
    const stays = Object.entries(before).filter(([key]) => !goes(key))
    const ours = written.flatMap(({ setting, text }) =>
      settings.includes(setting) ? [[setting.key, text]] : [],
    )
    const values = Object.fromEntries([...stays, ...ours]) as Record<string, string>
    const keys = new Set([...Object.keys(before), ...Object.keys(values)])
    if ([...keys].some((key) => before[key] !== values[key])) changed.set(path, envText(values))
  }
  return changed
}

/** The KEYBUZZ_ variables that are not empty, by name without the prefix. */
export const variables = (): RawValues =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith('KEYBUZZ_') && value !== undefined && value !== ''
        ? [[name.slice('KEYBUZZ_'.length), value]]
        : [],
    ),
  )
