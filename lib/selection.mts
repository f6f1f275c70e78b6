import { nearest } from './arguments.mts'
import { exitCodes, KitError } from './errors.mts'

/** What selection needs to know of a module. */
export interface Selectable {
  readonly number: number
  readonly slug: string
  readonly inFullRun: 'required' | 'recommended' | 'optional'
}

/**
 * The modules a run works on, in the table's order: those named, else the full install without optional ones.
 * @param only `12`, `n8n`, `9,12`, `10-12`
 * @throws KitError exit 2 for a module there is not, with the nearest name
 */
export function selectModules<T extends Selectable>(
  table: readonly T[],
  { only, skip }: { only: string | undefined; skip: string | undefined },
): T[] {
  const chosen =
    only === undefined ? table.filter(({ inFullRun }) => inFullRun !== 'optional') : parseList(table, only)
  const left = new Set(skip === undefined ? [] : parseList(table, skip))
  const selected = table.filter((row) => chosen.includes(row) && !left.has(row))
  if (selected.length > 0) return selected
  throw new KitError('no module is left to work on', {
    exitCode: exitCodes.usage,
    hint: 'check --module and --skip',
  })
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
