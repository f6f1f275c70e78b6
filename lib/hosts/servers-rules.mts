import { isIP } from 'node:net'
import { nearest } from '../base/nearest.mts'
import { isUserName } from '../settings/validators.mts'

// What servers.tsv may contain, and the usual mistakes of editors and spreadsheets.

/** The required columns, in any order. */
const columns = [
  'ENV',
  'IP_PUBLIQUE',
  'HOSTNAME',
  'IP_PRIVEE',
  'FQDN',
  'USER_SSH',
  'POOL',
  'ROLE',
  'SUBROLE',
  'DOCKER_STACK',
  'CORE',
  'NOTES',
]

export interface Problem {
  readonly line: number
  readonly column?: string
  readonly what: string
}

/** One row of servers.tsv, its cells by column name. */
export interface Cells {
  readonly line: number
  readonly text: string
  readonly count: number
  readonly cell: (name: string) => string
}

/** The problems of the header. @param line its number in the file, from 1 @param header its text, unsplit */
export function headerProblems(line: number, header: string): Problem[] {
  if (header === '') return [{ line: 1, what: 'the file is empty' }]
  if (!header.includes('\t')) return [{ line, what: separatorOf(header) }]
  const names = header.split('\t')
  const missing = columns.filter((name) => !names.includes(name))
  const unknown = names.filter((name) => !columns.includes(name))
  return [
    ...missing.map((column) => ({ line, column, what: `is not in the header${meant(column, unknown)}` })),
    ...columns
      .filter((name) => names.indexOf(name) !== names.lastIndexOf(name))
      .map((column) => ({ line, column, what: 'is there twice' })),
  ]
}

const meant = (column: string, unknown: readonly string[]): string => {
  const [found] = unknown.filter((name) => nearest(name, columns) === column)
  return found === undefined ? '' : `; is it "${found}"?`
}

function separatorOf(line: string): string {
  const other = [';', ','].find((sign) => line.split(sign).length >= columns.length)
  if (other !== undefined) return `its columns are separated by "${other}": save it with tabs`
  return /\S {2,}\S/.test(line) || line.split(' ').length >= columns.length
    ? 'its columns are separated by blanks: an editor has replaced the tabs'
    : 'this is no header: the first line names the columns'
}

/** The problems of one row. @param wanted number of cells in the header */
export function rowProblems({ line, text, count, cell }: Cells, wanted: number): Problem[] {
  if (/^(<{7}|={7}|>{7})/.test(text)) return [{ line, what: 'git has left the marks of a conflict here' }]
  if (text.includes('\uFFFD')) return [{ line, what: 'is not UTF-8: save the file again as UTF-8' }]
  if (!text.includes('\t')) return [{ line, what: separatorOf(text) }]
  if (count !== wanted)
    return [{ line, what: `has ${count} cells, the header ${wanted}: a tab is missing or too many` }]
  return Object.entries(rules).flatMap(([column, rule]) => {
    const what = unclean(cell(column)) ?? rule(cell(column), cell)
    return what === undefined ? [] : [{ line, column, what }]
  })
}

/** Invisible problems of a cell: quotes of a spreadsheet, invisible characters, blanks around it. */
function unclean(value: string): string | undefined {
  if (/^".*"$/.test(value)) return 'is in quotes: a spreadsheet has added them'
  if (/[\u00A0\u00AD\u200B-\u200F\u2028\u2029\u202F\u2060\uFEFF]/.test(value))
    return 'has an invisible character in it'
  return value === value.trim() ? undefined : 'begins or ends with a blank'
}

/** Usual misspellings of ROLE k3s: read as another machine's role, such a row would be left out without a message. */
const nearlyK3s = /^(k3s|k8s|rke2?|kubernetes)|^(master|server|worker|agent|node|control-?plane)s?$/i

type CellRule = (value: string, cell: Cells['cell']) => string | undefined

const filled =
  (rule: CellRule): CellRule =>
  (value, cell) =>
    value === '' ? 'is empty' : rule(value, cell)

const rules: Readonly<Record<string, CellRule>> = {
  ENV: filled((value) =>
    /^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(value) ? undefined : `"${value}" is no environment's name`,
  ),
  HOSTNAME: filled(hostnameProblem),
  IP_PRIVEE: filled(addressProblem),
  IP_PUBLIQUE: (value) =>
    value === '' || isIP(value) === 4 ? undefined : `${notIpv4(value)}; leave it empty when there is none`,
  USER_SSH: (value) =>
    value === '' || isUserName(value) === undefined ? undefined : `"${value}" is no user's name`,
  ROLE: filled((value) =>
    nearlyK3s.test(value) && value !== 'k3s'
      ? `"${value}" is not a role of the kit: a machine of the cluster has ROLE k3s and SUBROLE master or worker`
      : undefined,
  ),
  SUBROLE: (value, cell) =>
    cell('ROLE') !== 'k3s' || value === 'master' || value === 'worker'
      ? undefined
      : `"${value}": a row with ROLE k3s is a master or a worker`,
}

function hostnameProblem(value: string): string | undefined {
  if (value === 'localhost') return 'localhost is no name of a node'
  if (/[A-Z]/.test(value)) return `"${value}" has capital letters: Kubernetes wants small ones`
  if (value.includes('_')) return `"${value}" has an underscore: Kubernetes refuses it`
  if (value.length > 63) return `is ${value.length} characters long, at most 63`
  return /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(value) ? undefined : `"${value}" is no short host name`
}

const notIpv4 = (value: string): string =>
  isIP(value) === 6
    ? `"${value}" is an IPv6 address: IPv6 is not supported yet`
    : `"${value}" is not an IPv4 address`

function addressProblem(value: string): string | undefined {
  if (isIP(value) !== 4) return notIpv4(value)
  const [first = 0, second = 0] = value.split('.').map(Number)
  if (first === 127 || first === 0) return `${value} is the machine itself, not its address`
  if (first === 169 && second === 254) return `${value} is a link-local address: the host got none`
  return first >= 224 ? `${value} is no host's address` : undefined
}

/** Host names that occur twice in an environment, and private addresses that occur twice in the file. */
export function duplicatesOf(rows: readonly Cells[]): Problem[] {
  const seen = new Map<string, number>()
  return rows.flatMap(({ line, cell }) =>
    [
      { column: 'HOSTNAME', value: cell('HOSTNAME'), key: `${cell('ENV')} ${cell('HOSTNAME')}` },
      { column: 'IP_PRIVEE', value: cell('IP_PRIVEE'), key: cell('IP_PRIVEE') },
    ].flatMap(({ column, value, key }) => {
      const before = seen.get(key)
      if (before === undefined) seen.set(key, line)
      return before === undefined || value === ''
        ? []
        : [{ line, column, what: `${value} is in line ${before} too` }]
    }),
  )
}
