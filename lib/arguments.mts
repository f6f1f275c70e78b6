import { parseArgs } from 'node:util'
import { exitCodes, KitError } from './errors.mts'
import { flags } from './flags.mjs'

export type Program = 'master' | 'apply_all' | 'step'

/** The command line of one run, checked. Keys are the flags' names. */
export interface Arguments {
  readonly module?: string
  readonly skip?: string
  readonly env?: string
  readonly answers?: string
  readonly confirm?: string
  readonly set: readonly string[]
  readonly plan: boolean
  readonly offline: boolean
  readonly verify: boolean
  readonly upgrade: boolean
  readonly forceConflicts: boolean
  readonly yes: boolean
  readonly noInput: boolean
  readonly help: boolean
}

/**
 * Reads a command line strictly.
 * @throws KitError exit 2 for an unknown flag (with the nearest name), a value that is missing or needless, or a
 * verb this program does not know (with the command that does)
 */
export function readArguments(program: Program, words: readonly string[]): Arguments {
  const options = Object.fromEntries(
    flags.map(({ name, kind }) => [
      name,
      { type: kind === 'boolean' ? ('boolean' as const) : ('string' as const), multiple: kind === 'list' },
    ]),
  )
  const { tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true })
  const given: Record<string, string | true | string[]> = { set: [] }
  for (const token of tokens) {
    if (token.kind !== 'option') throw unknownWord('value' in token ? token.value : '--')
    const flag = flags.find(({ name }) => name === token.name)
    if (flag === undefined) throw unknownFlag(program, token.rawName)
    if (!flag.of.includes(program)) throw notHere(program, token.rawName)
    if (flag.kind === 'boolean' && token.value !== undefined) throw usage(`${token.rawName} takes no value`)
    if (flag.kind !== 'boolean' && !token.value)
      throw usage(`${token.rawName} needs a value: ${token.rawName} ${flag.value}`)
    if (flag.kind === 'list') (given[flag.name] as string[]).push(token.value ?? '')
    else given[flag.name] = token.value ?? true
  }
  if (given['offline'] === true && given['plan'] !== true) throw usage('--offline only goes with --plan')
  return {
    ...pick(given, 'module', 'skip', 'env', 'answers', 'confirm'),
    set: given['set'] as string[],
    plan: given['plan'] === true,
    offline: given['offline'] === true,
    verify: given['verify'] === true,
    upgrade: given['upgrade'] === true,
    forceConflicts: given['force-conflicts'] === true,
    yes: given['yes'] === true,
    noInput: given['no-input'] === true,
    help: given['help'] === true,
  }
}

const pick = (given: Readonly<Record<string, string | true | string[]>>, ...names: string[]) =>
  Object.fromEntries(names.flatMap((name) => (typeof given[name] === 'string' ? [[name, given[name]]] : [])))

const usage = (what: string, hint = 'see --help'): KitError =>
  new KitError(what, { exitCode: exitCodes.usage, hint })

function unknownFlag(program: Program, name: string): KitError {
  const known = flags.filter((flag) => flag.of.includes(program)).map((flag) => `--${flag.name}`)
  return usage(`unknown flag ${name}`, `did you mean ${nearest(name, known)}? See --help`)
}

const unknownWord = (word: string): KitError =>
  usage(`"${word}" is not expected here`, 'every input is a flag: see --help')

const notHere = (program: Program, name: string): KitError =>
  usage(
    `${name} is not known to ${program === 'step' ? 'a single step' : 'this program'}`,
    program === 'step'
      ? `use the module's apply_all, or ./00_master_install.mjs --module N ${name}`
      : `use ./00_master_install.mjs ${name}`,
  )

/** The candidate most like `word`, by the number of single-letter changes between them. */
export function nearest(word: string, candidates: readonly string[]): string {
  const near = candidates.toSorted((a, b) => distance(word, a) - distance(word, b))
  return near[0] ?? ''
}

/** Levenshtein distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1]
    for (const [j, other] of Array.from(b).entries()) {
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      )
    }
    row = next
  }
  return row.at(-1) ?? 0
}
