import { join } from 'node:path'
import { nearest } from './arguments.mts'
import { parseEnvFile } from './env-file.mts'
import { exitCodes, KitError } from './errors.mts'
import { readIfThere, root } from './file.mts'
import { folderOf, type Module } from './module.mts'
import { isSecret, type Setting, type Texts } from './settings.mts'

/**
 * What this run was given: the answers file, then --set over it.
 * @param known settings of this module; keys of other modules are let pass, since a file may serve a whole run
 * @throws KitError exit 2 for a malformed or sensitive --set, or a key no module knows
 */
export async function givenSettings(
  known: readonly Setting[],
  { set, answers }: { set: readonly string[]; answers?: string },
): Promise<Texts> {
  const fromFile = answers === undefined ? {} : parseEnvFile(answers, readAnswers(answers))
  const fromFlags = Object.fromEntries(set.map(splitSet))
  const byKey = new Map(known.map((setting) => [setting.key, setting]))
  for (const key of Object.keys({ ...fromFile, ...fromFlags })) {
    const setting = byKey.get(key) ?? (await settingOfAnyModule(key))
    if (key in fromFlags && isSecret(setting)) {
      throw new KitError(`${key} is a secret: --set would show it to everyone on this machine`, {
        exitCode: exitCodes.usage,
        hint: `give it by KEYBUZZ_${key}, in an answers file (--answers FILE), or at the question of step 00`,
      })
    }
  }
  return { ...fromFile, ...fromFlags }
}

function readAnswers(path: string): string {
  const text = readIfThere(path)
  if (text !== undefined) return text
  throw new KitError(`there is no answers file ${path}`, {
    exitCode: exitCodes.usage,
    hint: 'check the path after --answers',
  })
}

function splitSet(word: string): [string, string] {
  const at = word.indexOf('=')
  if (at > 0) return [word.slice(0, at), word.slice(at + 1)]
  throw new KitError(`--set ${word.slice(0, 40)} is not KEY=VALUE`, {
    exitCode: exitCodes.usage,
    hint: 'write --set KEY=VALUE, e.g. --set N8N_HOST=n8n.example.com',
  })
}

/** A setting by key, of whichever module has it. @throws KitError exit 2 with the nearest key */
async function settingOfAnyModule(key: string): Promise<Setting> {
  const { modules } = await import('../scripts/modules.mjs')
  const all: Setting[] = []
  for (const row of modules) {
    const path = join(root, 'scripts', folderOf(row), 'module.mts')
    const exported = Object.values((await import(path)) as Record<string, unknown>)
    const module = exported.find(
      (one): one is Module => typeof one === 'object' && one !== null && 'settings' in one,
    )
    if (module !== undefined) all.push(...module.shared, ...module.settings)
  }
  const found = all.find((setting) => setting.key === key)
  if (found !== undefined) return found
  throw new KitError(`no module has a setting ${key}`, {
    exitCode: exitCodes.usage,
    hint: `did you mean ${nearest(
      key,
      all.map((setting) => setting.key),
    )}?`,
  })
}
