import { exitCodes, KitError } from '../base/errors.mts'
import { nearest } from '../base/nearest.mts'
import type { Arguments } from '../run/request.mts'

/** The fields of a module that a selection uses. */
export interface Selectable {
  readonly number: number
  readonly slug: string
  readonly inFullRun: 'required' | 'recommended' | 'optional'
}

/** The modules in a command line: each field is the text of its flag, `12`, `n8n`, `9,12` or `10-12`. */
export interface Selection {
  readonly only?: string | undefined
  readonly skip?: string | undefined
  /** The full install from this module on. */
  readonly from?: string | undefined
  /** The full install with its optional modules. */
  readonly all?: boolean
}

/** The selection that a run's flags make. --status is about every module: an optional one may be installed too. */
export const selectionOf = ({
  verb,
  module,
  skip,
  from,
  all,
}: Pick<Arguments, 'verb' | 'module' | 'skip' | 'from' | 'all'>): Selection => ({
  only: module,
  skip,
  from,
  all: all || (verb === 'status' && module === undefined),
})

/**
 * The modules a run works on, in the table's order: those given, else the full install without optional ones.
 * @throws KitError exit 2 for an unknown module (with the nearest name), flags that exclude each other, or no module
 */
export function selectModules<T extends Selectable>(
  table: readonly T[],
  { only, skip, from, all = false }: Selection,
): T[] {
  if (only !== undefined && (from !== undefined || all)) {
    throw new KitError('--module names modules, --from and --all belong to a full run: give one of them', {
      exitCode: exitCodes.usage,
      hint: 'a range is --module 10-12',
    })
  }
  const full = table.filter(({ inFullRun }) => all || inFullRun !== 'optional')
  const chosen = only === undefined ? full : parseList(table, only)
  const left = new Set(skip === undefined ? [] : parseList(table, skip))
  const earlier = from === undefined ? [] : earlierModules(table, from)
  const selected = table.filter((row) => chosen.includes(row) && !left.has(row) && !earlier.includes(row))
  if (selected.length > 0) return selected
  throw new KitError('no module is left to work on', {
    exitCode: exitCodes.usage,
    hint: 'check --module and --skip',
  })
}

/** The modules before one in the table. @param from number or slug @throws KitError exit 2 for an unknown module */
export function earlierModules<T extends Selectable>(table: readonly T[], from: string): T[] {
  const [first] = parseList(table, from)
  return table.slice(0, first === undefined ? 0 : table.indexOf(first))
}

function parseList<T extends Selectable>(table: readonly T[], list: string): T[] {
  return list.split(',').flatMap((item) => {
    const word = item.trim()
    const [, from, to] = /^(\d+)-(\d+)$/.exec(word) ?? []
    const found =
      from === undefined
        ? table.filter(({ number, slug }) => String(number) === word || slug === word)
        : table.filter(({ number }) => number >= Number(from) && number <= Number(to))
    if (found.length > 0) return found
    throw new KitError(`there is no module "${word}"`, {
      exitCode: exitCodes.usage,
      details: [`there are: ${table.map(({ number, slug }) => `${number} ${slug}`).join(', ')}`],
      hint: `did you mean ${nearest(
        word,
        table.flatMap(({ number, slug }) => [String(number), slug]),
      )}?`,
    })
  })
}
