import { modules } from '../scripts/modules.mjs'
import type { Needed } from './gate.mts'

/** The rows of the table of modules that a module needs validated first. */
export function needsOf(number: number): Needed[] {
  const needs = modules.find((row) => row.number === number)?.needs ?? []
  return modules.filter((row) => needs.includes(row.number))
}

/** The rows of the modules that need a module. */
export const dependentsOf = (number: number): Needed[] =>
  modules.filter(({ needs }) => needs.includes(number))
