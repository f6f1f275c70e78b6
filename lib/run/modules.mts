import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { modules } from '../../scripts/modules.mjs'
import { exitCodes, KitError } from '../base/errors.mts'
import { root } from '../base/files.mts'
import type { Needed } from '../state/gate.mts'
import type { Module } from './module.mts'
import { folderOf } from '../base/names.mts'
import { nearest } from '../base/nearest.mts'
import type { Setting } from '../settings/settings.mts'

/** The rows of modules that must be validated before this one. @param number of the module: 12 */
export function needsOf(number: number): Needed[] {
  const needs = modules.find((row) => row.number === number)?.needs ?? []
  return modules.filter((row) => needs.includes(row.number))
}

/** True for the module that installs the cluster: its version and health are those of the nodes. */
export const isKnownByNodes = (number: number): boolean =>
  modules.find((row) => row.number === number)?.state === 'nodes'

/** The row of the module that makes the cluster's nodes. */
export function nodesModule(): Needed {
  const row = modules.find(({ number }) => isKnownByNodes(number))
  if (row === undefined) throw new Error('no module makes the nodes')
  return row
}

/** The rows of modules that need this one. */
export const dependentsOf = (number: number): Needed[] =>
  modules.filter(({ needs }) => needs.includes(number))

/** A setting by key, of any module. @throws KitError exit 2 with the nearest key when no module has it */
export async function settingOfAnyModule(key: string): Promise<Setting> {
  const all: Setting[] = []
  for (const row of modules) {
    const path = join(root, 'scripts', folderOf(row), 'module.mts')
    const exported = Object.values((await import(pathToFileURL(path).href)) as Record<string, unknown>)
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
