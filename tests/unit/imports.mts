import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative } from 'node:path'

// Which source file imports which, and what the rules of tests/unit/contract.test.mts forbid. Each rule gives one line
// a finding, with the path that breaks it.

/** One import of one file: of types, of values, or a dynamic one. */
export interface Arrow {
  /** Path below the root, with `/`. */
  readonly from: string
  /** Path below the root of a file of ours, or the name of a library. */
  readonly to: string
  /** False for a library or a program of Node. */
  readonly ours: boolean
}

export interface Graph {
  readonly files: readonly string[]
  readonly arrows: readonly Arrow[]
}

const specifier =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s+'([^']+)'|(?:^|\n)import\s+'([^']+)'|\bimport\(\s*'([^']+)'/g

/**
 * Reads every `.mts` and `.mjs` file below some folders, and what each imports: by `import`, `export from`, `import()`
 * and the types of `import('...')`, in comments of `.mjs` files too.
 * @param root absolute path
 * @param folders paths below it
 */
export function readGraph(root: string, folders: readonly string[]): Graph {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() && /\.m[tj]s$/.test(entry.name)
        ? [relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/')]
        : [],
    ),
  )
  const arrows = files.flatMap((from) =>
    [...readFileSync(join(root, from), 'utf8').matchAll(specifier)].map((match): Arrow => {
      const word = match.slice(1).find((one) => one !== undefined) ?? ''
      return word.startsWith('.')
        ? { from, to: posix.normalize(posix.join(posix.dirname(from), word)), ours: true }
        : { from, to: word, ours: false }
    }),
  )
  return { files: files.toSorted(), arrows }
}

const shown = ({ from, to }: Arrow): string => `${from} -> ${to}`

/** Imports of files that do not exist. */
export const missingFiles = ({ files, arrows }: Graph): string[] =>
  arrows.filter(({ to, ours }) => ours && !files.includes(to)).map(shown)

/** Files that belong together. */
export interface Room {
  readonly name: string
  readonly has: (file: string) => boolean
  /** Names of rooms it may not import although they come before it. */
  readonly beside?: readonly string[]
}

/** The room of a folder: the files below it. A file is in the last room of an order that has it. */
export const roomOf = (folder: string, beside: readonly string[] = []): Room => ({
  name: folder,
  has: (file) => file.startsWith(`${folder}/`),
  beside,
})

/** Files that are in none of some rooms. */
export const homeless = (files: readonly string[], rooms: readonly Room[]): string[] =>
  files.filter((file) => !rooms.some(({ has }) => has(file)))

/**
 * Imports against the order: a room imports itself and the rooms before it, but none it is beside.
 * @param rooms from the ground up; imports from or to files that are in none of them are let pass
 */
export function againstOrder({ arrows }: Graph, rooms: readonly Room[]): string[] {
  const indexOf = (file: string): number => rooms.findLastIndex(({ has }) => has(file))
  return arrows
    .filter(({ from, to, ours }) => {
      const [above, below] = [indexOf(from), indexOf(to)]
      if (!ours || above < 0 || below < 0 || above === below) return false
      return above < below || rooms[above]?.beside?.includes(rooms[below]?.name ?? '') === true
    })
    .map(shown)
}

/**
 * Imports from some files to some others.
 * @param isFrom tells the importing files
 * @param isTo tells the imported files
 */
export const arrowsBetween = (
  { arrows }: Graph,
  isFrom: (file: string) => boolean,
  isTo: (file: string, from: string) => boolean,
): string[] => arrows.filter(({ from, to, ours }) => ours && isFrom(from) && isTo(to, from)).map(shown)

/** Files that import each other, directly or over others, by types too: one line a knot. */
export function cycles({ files, arrows }: Graph): string[] {
  const targets = new Map(files.map((file) => [file, new Set<string>()]))
  for (const { from, to, ours } of arrows) if (ours && targets.has(to)) targets.get(from)?.add(to)
  const found = new Set<string>()
  for (const start of files) {
    const path = wayBack(start, targets)
    if (path !== undefined) found.add(path.toSorted().join(' <-> '))
  }
  return [...found]
}

/** The shortest way from a file over its imports to itself. */
function wayBack(start: string, targets: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const before = new Map<string, string>()
  const waiting = [start]
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    for (const next of targets.get(file) ?? []) {
      if (next === start) {
        const path = [file]
        while (path[0] !== undefined && path[0] !== start) path.unshift(before.get(path[0]) ?? start)
        return path
      }
      if (before.has(next)) continue
      before.set(next, file)
      waiting.push(next)
    }
  }
  return undefined
}

/** Files that import a library, `name` or `name/...`. */
export const importersOf = ({ arrows }: Graph, name: string): string[] => [
  ...new Set(
    arrows.flatMap(({ from, to, ours }) =>
      !ours && (to === name || to.startsWith(`${name}/`)) ? [from] : [],
    ),
  ),
]

/**
 * Lines of code that match a pattern, comments left out, each as `path:line`.
 * @param root absolute path
 */
export const linesWith = (root: string, files: readonly string[], pattern: RegExp): string[] =>
  files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, at) =>
        !/^\s*(\/\/|\/?\*)/.test(line) && pattern.test(line) ? [`${file}:${at + 1}`] : [],
      ),
  )

/** How code would ask for one module: by comparing what a module is called, or by an application's or folder's name. */
export const oneModule =
  /\b((module|row)\.)?(number|slug|title|module) [!=]== ('|9\b|1\d\b)|'(chatwoot|n8n|superset|vault|llm|\d\d_[a-z0-9]+)'/
