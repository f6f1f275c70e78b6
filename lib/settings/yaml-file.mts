import { writtenClause } from '../base/written.mts'
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import { exitCodes, KitError } from '../base/errors.mts'
import { Misfit, type Shape } from '../base/shape.mts'
import { shortened } from '../base/sensitive.mts'

// Strict reading of an operator's own YAML file: each problem has its line and column.

/** Keys and list positions that lead to one place of a document: `['models', 0, 'model']`. */
export type Path = readonly (string | number)[]

/** A parsed file, and the positions of its parts. */
export interface YamlFile<T> {
  readonly value: T
  /** The line of a place, from 1; that of the nearest part around it when it does not exist. */
  readonly line: (path: Path) => number
  /** The error (exit 2) for a place that breaks a rule: `models.yml:12:7: what`. */
  readonly problem: (path: Path, what: string) => KitError
}

/** Most bytes of a file: what is made of it must fit into a ConfigMap, which has at most 1 MiB. */
const mostBytes = 256 * 1024

/**
 * Parses an operator's YAML file. Anchors, aliases, unknown tags, several documents and keys that occur twice are
 * refused: they give a place another value than it seems to have, a mistake that is hard to find.
 * @param file its name as shown to operators
 * @throws KitError exit 2 with file, and line and column where there is one place; quoted text is redacted before it is
 * shortened
 */
export function readYaml<T>(file: string, text: string, shape: Shape<T>): YamlFile<T> {
  const fail = (place: string, what: string): KitError =>
    new KitError(`${file}${place}: ${shortened(what, 300)}`, {
      exitCode: exitCodes.usage,
      hint: `correct ${file}; ${writtenClause()}`,
    })
  if (Buffer.byteLength(text) > mostBytes) throw fail('', `it has more than ${mostBytes / 1024} KiB`)
  const lines = new LineCounter()
  const placeOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `:${line}:${col}`
  }
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    // Comments and layout are not used here.
    keepSourceTokens: false,
  })
  const [bad] = [...document.errors, ...document.warnings]
  if (bad !== undefined) throw fail(placeOf(bad.pos[0]), bad.message)
  if (document.contents === null) throw fail('', 'it is empty')
  visit(document, (_key, node) => {
    if (isAlias(node) || (isNode(node) && 'anchor' in node && node.anchor !== undefined))
      throw fail(placeOf(node.range?.[0] ?? 0), 'anchors and aliases are not supported: write the value out')
  })

  /** Where a place begins: a field's key, a list's item; else the nearest part around it. */
  function offsetOf(path: Path): number {
    let node: unknown = document.contents
    let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
        if (pair === undefined) break
        if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
        node = pair.value
      } else if (isSeq(node)) {
        node = node.items[Number(step)]
        if (!isNode(node)) break
        offset = node.range?.[0] ?? offset
      } else break
    }
    return offset
  }

  const problem = (path: Path, what: string) => fail(placeOf(offsetOf(path)), what)
  return {
    value: valueOf(document.toJS() as unknown, shape, problem),
    line: (path) => lines.linePos(offsetOf(path)).line,
    problem,
  }
}

function valueOf<T>(value: unknown, shape: Shape<T>, problem: (path: Path, what: string) => KitError): T {
  try {
    return shape(value, '')
  } catch (cause) {
    if (!(cause instanceof Misfit)) throw cause
    throw problem(pathIn(cause.path), cause.message)
  }
}

/** `models[1].modell` as a Path. A key with a dot in it is split: the position is then that of the part around it. */
const pathIn = (text: string): Path =>
  [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, at, key = '']) => (at === undefined ? key : Number(at)))
