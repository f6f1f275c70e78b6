import { parseArgs } from 'node:util'
import { exitCodes, KitError } from '../base/errors.mts'
import { flags } from './flags.mjs'
import { nearest } from '../base/nearest.mts'
import { itemsOf } from '../settings/validators.mts'
import type { Program, Arguments, Verb } from '../run/request.mts'

const verbs = ['verify', 'drill', 'status', 'rollback', 'uninstall'] as const

/**
 * Parses a command line strictly.
 * @param words without the program's name: `process.argv.slice(2)`
 * @throws KitError exit 2 for an unknown flag (with the nearest name), a missing or unexpected value, two verbs, or a
 *   flag of another kind of program (with the command that accepts it)
 */
export function readArguments(program: Program, words: readonly string[]): Arguments {
  const options = Object.fromEntries(
    flags.map(({ name, kind }) => [
      name,
      { type: kind === 'boolean' ? ('boolean' as const) : ('string' as const), multiple: kind === 'list' },
    ]),
  )
  const { tokens } = parseArgs({ args: withWholeValues(words), options, strict: false, tokens: true })
  const given: Record<string, string | true | string[]> = { set: [], confirm: [] }
  for (const token of tokens) {
    if (token.kind !== 'option') throw unknownWord('value' in token ? token.value : '--')
    const flag = flags.find(({ name }) => name === token.name)
    if (flag === undefined) throw unknownFlag(program, token.rawName)
    if (!flag.of.includes(program)) throw notHere(program, token.rawName)
    if (flag.kind === 'boolean' && token.value !== undefined) throw usage(`${token.rawName} takes no value`)
    if (['string', 'list'].includes(flag.kind) && !token.value)
      throw usage(`${token.rawName} needs a value: ${token.rawName} ${flag.value}`)
    if (flag.kind === 'number?' && !/^\d*$/.test(token.value ?? ''))
      throw usage(`${token.rawName} takes a number, not "${token.value}"`)
    if (flag.kind === 'list') (given[flag.name] as string[]).push(token.value ?? '')
    else given[flag.name] = token.value ?? true
  }
  const is = (name: string): boolean => given[name] !== undefined
  const verb = verbOf(is)
  if (is('offline') && !is('plan')) throw usage('--offline only goes with --plan')
  if (is('json') && !is('plan') && !is('status')) throw usage('--json only goes with --plan and --status')
  return {
    verb,
    ...pick(given, 'module', 'skip', 'from', 'env', 'answers'),
    confirm: given['confirm'] as string[],
    set: given['set'] as string[],
    ...(is('limit') ? { limit: itemsOf(String(given['limit'])) } : {}),
    ...(given['rollback'] ? { revision: Number(given['rollback']) } : {}),
    all: is('all'),
    plan: is('plan'),
    offline: is('offline'),
    upgrade: is('upgrade'),
    forceConflicts: is('force-conflicts'),
    wait: is('wait'),
    yes: is('yes'),
    noInput: is('no-input'),
    json: is('json'),
    help: is('help'),
  }
}

/** An optional value belongs to its flag only when it is a number: `--rollback 3`, `--rollback --yes`. */
function withWholeValues(words: readonly string[]): string[] {
  return words.flatMap((word, at) => {
    if (isOptional(word)) return [`${word}=${/^\d+$/.test(words[at + 1] ?? '') ? words[at + 1] : ''}`]
    return isOptional(words[at - 1]) && /^\d+$/.test(word) ? [] : [word]
  })
}

const isOptional = (word: string | undefined): boolean =>
  flags.some(({ name, kind }) => kind === 'number?' && word === `--${name}`)

/** The verb among the flags. @throws KitError exit 2 for two verbs, or a flag that does not go with the verb */
function verbOf(is: (name: string) => boolean): Verb {
  const [verb, second] = verbs.filter(is)
  if (second !== undefined) throw usage(`--${verb} and --${second} are two runs: give one of them`)
  if (verb !== undefined && is('upgrade'))
    throw usage(`--${verb} and --upgrade are two runs: give one of them`)
  if (is('plan') && verb !== undefined && !['rollback', 'uninstall'].includes(verb))
    throw usage(`--${verb} changes nothing or cannot be planned: leave --plan out`)
  if (is('limit') && verb !== undefined && !['uninstall', 'drill'].includes(verb))
    throw usage(`--limit goes with an install, --uninstall and --drill, not with --${verb}`)
  if (is('offline') && verb !== undefined) throw usage(`--offline does not go with --${verb}`)
  return verb ?? 'install'
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
