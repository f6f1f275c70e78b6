import { readAnswers } from './answers.mts'
import { shortened } from '../base/sensitive.mts'
import { parseEnvFile } from './env-file.mts'
import { exitCodes, KitError } from '../base/errors.mts'
import { isSecret, type Setting, type RawValues } from './settings.mts'

/**
 * The values given to this run: the answers file, overridden by --set.
 * @param known settings of this module; keys of other modules are accepted, since a file may serve a whole run
 * @param set words after --set: `KEY=VALUE`
 * @param answers path of the answers file
 * @param settingOf finds a setting in any module; throws KitError exit 2 when no module has it
 * @throws KitError exit 2 for a malformed or sensitive --set, a key no module knows, or an answers file that cannot be
 * read or parsed; Cancelled (130) or KitError exit 143 on a signal while a pipe is read
 */
export async function givenSettings(
  known: readonly Setting[],
  { set, answers }: { set: readonly string[]; answers?: string },
  settingOf: (key: string) => Promise<Setting>,
): Promise<RawValues> {
  const fromFile = answers === undefined ? {} : parseEnvFile(answers, await readAnswers(answers))
  const fromFlags = Object.fromEntries(set.map(splitSet))
  const byKey = new Map(known.map((setting) => [setting.key, setting]))
  for (const key of Object.keys({ ...fromFile, ...fromFlags })) {
    const setting = byKey.get(key) ?? (await settingOf(key))
    if (key in fromFlags && isSecret(setting)) {
      throw new KitError(`${key} is a secret: --set would show it to everyone on this machine`, {
        exitCode: exitCodes.usage,
        hint: `give it by KEYBUZZ_${key}, in an answers file (--answers FILE), or at the question of step 00`,
      })
    }
  }
  return { ...fromFile, ...fromFlags }
}

function splitSet(word: string): [string, string] {
  const at = word.indexOf('=')
  if (at > 0) return [word.slice(0, at), word.slice(at + 1)]
  throw new KitError(`--set ${shortened(word, 40)} is not KEY=VALUE`, {
    exitCode: exitCodes.usage,
    hint: 'write --set KEY=VALUE, e.g. --set N8N_HOST=n8n.example.com',
  })
}
