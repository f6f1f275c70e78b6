import { fileOf } from './credentials.mts'
import { exitCodes, KitError } from './errors.mts'
import { folderOf, headingOf } from './names.mts'
import { type Declares, isSecret, type Setting } from './settings.mts'

const isPlain = (setting: Setting): boolean => setting.default === undefined

/** Everything that is missing, at once, with each way to give it. */
export function missingError(env: string, module: Declares, all: readonly Setting[]): KitError {
  // What is built from other missing settings is not missing by itself.
  const settings = all.some(isPlain) ? all.filter(isPlain) : all
  const width = Math.max(...settings.map(({ key }) => key.length)) + 2
  const lines = settings.map((setting) => {
    const bySet = isSecret(setting) ? '(secret: not by --set)' : `--set ${setting.key}=...`
    const ways = `${fileOf(env, module, setting)}, KEYBUZZ_${setting.key}, ${bySet}`
    return `${setting.key.padEnd(width)}${setting.title.padEnd(34)}${ways}`
  })
  const folder = folderOf(module)
  return new KitError(`${settings.length} settings are missing for ${headingOf(module)} (${env})`, {
    exitCode: exitCodes.usage,
    details: lines,
    hint: settings.every(({ kind }) => kind === 'file')
      ? 'lay these files there, mode 0600, then run the same command again'
      : `give them, or run on a terminal and answer: scripts/${folder}/${folder}_00_setup_credentials.mts --env ${env}`,
  })
}
