import { writtenClause } from '../base/written.mts'
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import { exitCodes, KitError } from '../base/errors.mts'
import { Misfit, type Shape } from '../base/shape.mts'
import { shortened } from '../base/sensitive.mts'

// An operator's own YAML file: read strictly, each problem with line and column.

/** Keys and list positions that lead to one place of a document: `['models', 0, 'model']`. */
export type Path = readonly (string | number)[]

/** A file that was read, and where each part of it stands. */
export interface YamlFile<T> {
  readonly value: T
  /** The line of a place, from 1; that of the nearest part around it when it does not exist. */
  readonly line: (path: Path) => number
  /** The error (exit 2) for a rule that a place breaks: `models.yml:12:7: what`. */
  readonly problem: (path: Path, what: string) => KitError
}

/** Bytes of the largest file: what is made of it must fit into a ConfigMap of 1 MiB. */
const mostBytes = 256 * 1024

/**
 * Reads an operator's YAML file. Anchors, tags, several documents and keys that occur twice are refused: a value that
 * is not where it seems to be is no mistake anybody finds.
 * @param file its name as shown to operators
 * @throws KitError exit 2 with file, line and column; the file's own text is redacted before it is cut
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
    // Comments and key order are of no use here.
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

/** `models[1].modell` as a Path. A key with a dot in it is not found there: the part around it is. */
const pathIn = (text: string): Path =>
  [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, at, key = '']) => (at === undefined ? key : Number(at)))
